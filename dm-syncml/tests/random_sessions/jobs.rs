//! What the server wants of the device, and the device that does it.

use std::collections::BTreeMap;
use std::fmt;

use dm_syncml::session::{
    AtomicStep, CommandHandle, Interaction, ItemOutcome, Outcome, TextInput, UserResponse,
};
use dm_syncml::{
    Atomic, CmdId, Command, Data, Exec, Format, Get, Item, LocUri, Meta, Replace, Sequence, StatusCode,
};

/// A piece of work, with its targets to itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// A value is replaced.
    Set(Value),
    /// A value is read.
    Read(Value),
    /// Something is done that must not be done twice.
    Act,
    /// The user is asked.
    Ask(Question),
    /// Several values in one Atomic, the last of which may fail, or in one Sequence.
    Together(Vec<String>, Container),
}

/// What the user is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    Shown,
    YesOrNo,
    Text,
    Choice,
}

/// A text that is told by its length.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) String);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Container {
    Atomic,
    /// The last member is refused.
    FailingAtomic,
    Sequence,
    /// The user is asked first, and may refuse.
    AskingSequence,
    AskingAtomic,
}

/// What the server knows of a piece of work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// To be queued in the next session.
    Pending,
    /// In the n-th session of the server.
    Queued(usize, CommandHandle),
    /// It has its answer.
    Answered(StatusCode),
    /// The user has answered.
    Responded(UserResponse),
    /// It was sent, and nobody knows.
    Unknown,
    /// It cannot be sent at all.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) fate: Fate,
    pub(crate) found: Option<Value>,
}

fn uri(number: usize, member: usize) -> LocUri<'static> {
    LocUri::new(format!("./J/{number}/{member}")).unwrap()
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn set(number: usize, member: usize, value: &str) -> Command<'static> {
    let item = Item::to(uri(number, member))
        .with_meta(Meta::new().with_format(Format::CHR))
        .with_data(Data::text(value.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

impl Container {
    pub(crate) const fn asks(self) -> bool {
        matches!(self, Self::AskingSequence | Self::AskingAtomic)
    }
}

impl Question {
    /// The question of a job, which its text names.
    fn about(self, number: usize) -> Interaction {
        let text = number.to_string();
        let choices = || ["one", "two", "three"].map(String::from).to_vec();
        let question = match self {
            Self::Shown => Interaction::display(text),
            Self::YesOrNo => Interaction::confirm(text),
            Self::Text => Interaction::input(text, TextInput::default()),
            Self::Choice => Interaction::multiple_choice(text, choices()),
        };
        question.unwrap()
    }
}

impl Job {
    pub(crate) const fn new(work: Work) -> Self {
        Self { work, fate: Fate::Pending, found: None }
    }

    pub(crate) fn command(&self, number: usize) -> Command<'static> {
        match &self.work {
            Work::Set(value) => set(number, 0, &value.0),
            Work::Read(_) => Get::new(id(), vec![Item::to(uri(number, 0))]).into(),
            Work::Act => Exec::new(id(), Item::to(uri(number, 0))).into(),
            Work::Ask(question) => question.about(number).to_alert(id()).into(),
            Work::Together(values, container) => {
                let mut members = Vec::new();
                if container.asks() {
                    members.push(Question::YesOrNo.about(number).to_alert(id()).into());
                }
                members.extend(values.iter().enumerate().map(|(member, value)| set(number, member, value)));
                match container {
                    Container::Sequence | Container::AskingSequence => Sequence::new(id(), members).into(),
                    _ => Atomic::new(id(), members).into(),
                }
            }
        }
    }
}

/// Something of each job and member.
type Of<T> = BTreeMap<(usize, usize), T>;

/// A device's tree, and how often each thing was done.
#[derive(Debug, Default)]
pub(crate) struct Device {
    values: Of<String>,
    done: Of<usize>,
    /// What there was before the Atomic that has begun.
    before: Option<(Of<String>, Of<usize>)>,
    /// What can be read, and which targets fail.
    readable: Of<String>,
    failing: Of<StatusCode>,
    members: BTreeMap<usize, usize>,
}

impl Device {
    pub(crate) fn new(jobs: &[Job]) -> Self {
        let mut device = Self::default();
        for (number, job) in jobs.iter().enumerate() {
            let mut members = 1;
            match &job.work {
                Work::Read(value) => drop(device.readable.insert((number, 0), value.0.clone())),
                Work::Together(values, container) => {
                    members = values.len();
                    if *container == Container::FailingAtomic {
                        device.failing.insert((number, members - 1), StatusCode::NOT_FOUND);
                    }
                }
                _ => {}
            }
            device.members.insert(number, members);
        }
        device
    }

    pub(crate) fn value(&self, number: usize, member: usize) -> Option<&str> {
        self.values.get(&(number, member)).map(String::as_str)
    }

    /// How often each member of a job was executed, and not taken back.
    pub(crate) fn executed(&self, number: usize) -> Vec<usize> {
        (0..self.members[&number])
            .map(|member| self.done.get(&(number, member)).copied().unwrap_or(0))
            .collect()
    }

    pub(crate) fn execute(&mut self, command: &Command<'_>) -> Outcome {
        let [item] = command.items() else { panic!("one item each: {command:?}") };
        let target = item.target_uri().unwrap().as_str();
        let (number, member) = target.strip_prefix("./J/").unwrap().split_once('/').unwrap();
        let at = (number.parse().unwrap(), member.parse().unwrap());
        if let Some(code) = self.failing.get(&at) {
            return Outcome::all(*code);
        }
        *self.done.entry(at).or_default() += 1;
        match command {
            Command::Get(_) => {
                let data = Data::text(self.readable[&at].clone()).unwrap();
                let found = Item::from(uri(at.0, at.1)).with_data(data);
                Outcome::each(vec![ItemOutcome::found(vec![found])])
            }
            Command::Replace(_) => {
                let value = item.data.as_ref().and_then(|data| data.as_text()).unwrap_or_default();
                self.values.insert(at, value.to_owned());
                Outcome::all(StatusCode::OK)
            }
            _ => Outcome::all(StatusCode::OK),
        }
    }

    pub(crate) fn atomic(&mut self, step: AtomicStep) -> Outcome {
        match step {
            AtomicStep::Begin(_) => self.before = Some((self.values.clone(), self.done.clone())),
            AtomicStep::Commit => self.before = None,
            AtomicStep::RollBack => self.forget(),
            _ => panic!("unknown step"),
        }
        Outcome::all(StatusCode::OK)
    }

    /// What was not committed is undone, by a roll back or by a restart.
    pub(crate) fn forget(&mut self) {
        if let Some((values, done)) = self.before.take() {
            self.values = values;
            self.done = done;
        }
    }
}

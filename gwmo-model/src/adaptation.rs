//! Adaptation mode: commands for devices that do not speak OMA DM.

mod adapter;
mod config;
mod operation;
mod record;
mod restoring;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use dm_syncml::{Command, Instant, Journal, RecordSeq, StatusCode};

use crate::proxy::DeviceAnswer;
use crate::{Serial, Ticket};
use record::{Entry, OrderKey};

pub use adapter::{AdapterCapabilities, NativeResult, NativeToken};
pub use config::{AdaptationConfig, AdaptationError, AdaptationErrorKind};
pub use operation::{NativeCommands, NativeOp};
pub use record::{AdaptationRecord, AdaptationRestoreError, AdaptationSnapshot};

/// What adaptation wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AdaptationOutput {
    /// Store this, then report with [`Adaptation::handle_persisted`].
    Persist(RecordSeq, AdaptationRecord),
    /// Have the adapter of this device do this, and report with [`Adaptation::handle_result`].
    Native {
        /// The device.
        device: Serial,
        /// The attempt that it belongs to.
        ticket: Ticket,
        /// What to report it under.
        token: NativeToken,
        /// What to do.
        op: NativeOp,
    },
    /// The device has begun, and will answer later: 202 ([`StatusCode::ACCEPTED`]).
    Accepted {
        /// The attempt.
        ticket: Ticket,
        /// Which of its operations.
        op: u16,
    },
    /// The answer to an operation; report with [`Adaptation::handle_acknowledged`] once it is taken.
    Answered {
        /// The attempt.
        ticket: Ticket,
        /// Which of its operations.
        op: u16,
        /// The answer.
        answer: DeviceAnswer,
    },
    /// There will be no answer; report with [`Adaptation::handle_acknowledged`] once it is taken.
    Lost {
        /// The attempt.
        ticket: Ticket,
        /// Which of its operations.
        op: u16,
        /// Whether the adapter may have done it, or a part of it.
        was_sent: bool,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// Adaptation mode (GwMO-IOP-001, GwMO-AMoDe-001): commands become typed operations for an adapter, one at a time for
/// each device, and its results become Statuses. Such a device never gets SyncML.
///
/// It stands where a session stands for other devices: what a fanout wants delivered goes in with
/// [`handle_deliver`](Self::handle_deliver), answers come out under the same ticket. An operation that the adapter
/// does not have is answered without asking it. After a restart an operation that may be repeated is given to the
/// adapter again, under its token; one that may not is only waited for.
///
/// ```
/// use dm_syncml::{CmdId, Command, Get, Instant, Item, LocUri};
/// use dm_tree::Value;
/// use gwmo_model::{
///     Adaptation, AdaptationConfig, AdaptationOutput, AdapterCapabilities, JobNo, NativeCommands, NativeOp,
///     NativeResult, Serial, Ticket,
/// };
///
/// let (now, lamp) = (Instant::EPOCH, Serial::FIRST);
/// let mut adaptation = Adaptation::new(AdaptationConfig::default());
/// adaptation.handle_adapter(now, lamp, AdapterCapabilities::new(NativeCommands::GET))?;
/// let get: Command<'_> = Get::single(CmdId::new("1")?, Item::to(LocUri::new("./Lamp/Level")?)).into();
/// adaptation.handle_deliver(now, Ticket::new(JobNo::new(1), lamp, 1), 0, &get)?;
/// loop {
///     match adaptation.poll_output() {
///         AdaptationOutput::Persist(seq, _) => adaptation.handle_persisted(now, seq), // once it is stored
///         AdaptationOutput::Native { token, op: NativeOp::Get { .. }, .. } => {
///             adaptation.handle_result(now, token, NativeResult::Done(Some(Value::int(80))));
///         }
///         AdaptationOutput::Answered { ticket, op, answer } => {
///             assert_eq!((answer.status.get(), answer.value), (200, Some(Value::int(80))));
///             adaptation.handle_acknowledged(now, ticket, op);
///         }
///         AdaptationOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Adaptation {
    config: AdaptationConfig,
    next_token: u64,
    adapters: BTreeMap<Serial, Adapter>,
    orders: BTreeMap<OrderKey, Order>,
    tokens: BTreeMap<NativeToken, OrderKey>,
    deadlines: BTreeSet<(Instant, NativeToken)>,
    journal: Journal<AdaptationRecord, Effect>,
}

#[derive(Debug)]
struct Adapter {
    capabilities: AdapterCapabilities,
    /// Whose turn it is, and who comes after; the first may be under way.
    queue: VecDeque<OrderKey>,
}

/// A command: an operation for each of its items.
#[derive(Debug)]
struct Order {
    steps: Vec<NativeOp>,
    results: Vec<NativeResult>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Queued,
    /// The next step is the adapter's.
    Dispatched {
        token: NativeToken,
        is_pending: bool,
        until: Instant,
    },
    /// Over; with the Status of what was refused as a whole.
    Answered {
        refused: Option<StatusCode>,
    },
    Lost {
        was_sent: bool,
    },
}

#[derive(Debug)]
enum Effect {
    Native(NativeToken),
    Accepted(OrderKey),
    Over(OrderKey),
}

impl Adaptation {
    /// No adapters yet.
    #[must_use]
    pub const fn new(config: AdaptationConfig) -> Self {
        Self {
            config,
            next_token: 1,
            adapters: BTreeMap::new(),
            orders: BTreeMap::new(),
            tokens: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            journal: Journal::new(),
        }
    }

    /// A device has an adapter, or its adapter can do other things now.
    ///
    /// # Errors
    ///
    /// When there are too many.
    pub fn handle_adapter(
        &mut self,
        now: Instant,
        device: Serial,
        capabilities: AdapterCapabilities,
    ) -> Result<(), AdaptationError> {
        match self.adapters.get(&device) {
            Some(known) if known.capabilities == capabilities => return Ok(()),
            None if self.adapters.len() >= self.config.max_devices => {
                return Err(AdaptationErrorKind::TooManyDevices.into());
            }
            _ => {}
        }
        self.step(now, Entry::Adapter { device, capabilities });
        Ok(())
    }

    /// A device has no adapter any more: what it was to do is lost.
    pub fn handle_adapter_gone(&mut self, now: Instant, device: Serial) {
        let Some(adapter) = self.adapters.get(&device) else { return };
        let open: Vec<_> = adapter.queue.iter().copied().collect();
        self.step(now, Entry::AdapterGone { device });
        open.into_iter().for_each(|order| self.journal.hold(Effect::Over(order)));
    }

    /// Whether a device has an adapter.
    #[must_use]
    pub fn has_adapter(&self, device: Serial) -> bool {
        self.adapters.contains_key(&device)
    }

    /// Something is to be done on a device: the operation with this number of an attempt. One that is known already is
    /// not done again.
    ///
    /// # Errors
    ///
    /// When the device has no adapter, or too much waits; nothing was sent then.
    pub fn handle_deliver(
        &mut self,
        now: Instant,
        ticket: Ticket,
        op: u16,
        command: &Command<'_>,
    ) -> Result<(), AdaptationError> {
        let order = OrderKey { ticket, op };
        let adapter = self.adapters.get(&ticket.serial).ok_or(AdaptationErrorKind::NoAdapter)?;
        if self.orders.contains_key(&order) {
            return Ok(());
        }
        if self.orders.len() >= self.config.max_orders || adapter.queue.len() >= self.config.max_queued {
            return Err(AdaptationErrorKind::TooMuch.into());
        }
        let steps = NativeOp::of_command(command).and_then(|steps| {
            if steps.len() > self.config.max_items {
                return Err(StatusCode::TOO_LARGE);
            }
            match steps.iter().find_map(|step| adapter.capabilities.refusal(step)) {
                Some(status) => Err(status),
                None => Ok(steps),
            }
        });
        match steps {
            Ok(steps) => self.step(now, Entry::Ordered { order, steps }),
            Err(status) => {
                self.step(now, Entry::Refused { order, status: status.get() });
                self.journal.hold(Effect::Over(order));
            }
        }
        self.turn(now, ticket.serial);
        Ok(())
    }

    /// An adapter answers. Answers under a token that nothing waits for say nothing new.
    pub fn handle_result(&mut self, now: Instant, token: NativeToken, result: NativeResult) {
        let Some(&order) = self.tokens.get(&token) else { return };
        let device = order.ticket.serial;
        let may_wait = self.adapters.get(&device).is_some_and(|adapter| adapter.capabilities.is_asynchronous);
        let stage = self.orders.get(&order).map(|known| known.stage);
        let result = match result {
            NativeResult::Pending if matches!(stage, Some(Stage::Dispatched { is_pending: true, .. })) => {
                return;
            }
            // It said that it never does.
            NativeResult::Pending if !may_wait => NativeResult::Failed(0),
            NativeResult::Done(Some(value)) if value.data().len() > self.config.max_value => {
                NativeResult::TooLarge
            }
            result => result,
        };
        let is_pending = result == NativeResult::Pending;
        self.step(now, Entry::Resulted { token, result });
        if is_pending {
            self.journal.hold(Effect::Accepted(order));
        } else if self.is_over(order) {
            self.journal.hold(Effect::Over(order));
        }
        self.turn(now, device);
    }

    /// What came out of an operation was taken: it is forgotten.
    pub fn handle_acknowledged(&mut self, now: Instant, ticket: Ticket, op: u16) {
        let order = OrderKey { ticket, op };
        if self.is_over(order) {
            self.step(now, Entry::Closed { order });
        }
    }

    /// Nobody wants the answers of an attempt any more. What the adapter has begun goes on; the rest is not done.
    pub fn handle_abandoned(&mut self, now: Instant, ticket: Ticket) {
        let all = OrderKey { ticket, op: 0 }..=OrderKey { ticket, op: u16::MAX };
        let orders: Vec<_> = self.orders.range(all).map(|(order, _)| *order).collect();
        for order in orders {
            self.step(now, Entry::Closed { order });
        }
        self.turn(now, ticket.serial);
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, _now: Instant, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// Time went on: what the adapter did not answer in time is lost.
    pub fn handle_tick(&mut self, now: Instant) {
        while let Some(&(_, token)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            let Some(&order) = self.tokens.get(&token) else { break };
            self.step(now, Entry::Lost { token });
            self.journal.hold(Effect::Over(order));
            self.turn(now, order.ticket.serial);
        }
    }

    /// What is to be done next. Drain it after every input, until it gives [`AdaptationOutput::Wait`].
    pub fn poll_output(&mut self) -> AdaptationOutput {
        if let Some((seq, record)) = self.journal.next_record() {
            return AdaptationOutput::Persist(seq, record);
        }
        while let Some(effect) = self.journal.next_released() {
            if let Some(output) = self.output(&effect) {
                return output;
            }
        }
        AdaptationOutput::Wait(self.deadlines.first().map(|&(at, _)| at))
    }

    /// What an effect says by now; nothing if it was abandoned meanwhile.
    fn output(&self, effect: &Effect) -> Option<AdaptationOutput> {
        match effect {
            Effect::Native(token) => {
                let order = self.tokens.get(token)?;
                let known = self.orders.get(order)?;
                let op = known.steps.get(known.results.len())?.clone();
                let ticket = order.ticket;
                Some(AdaptationOutput::Native { device: ticket.serial, ticket, token: *token, op })
            }
            Effect::Accepted(OrderKey { ticket, op }) => {
                Some(AdaptationOutput::Accepted { ticket: *ticket, op: *op })
            }
            Effect::Over(order) => {
                let known = self.orders.get(order)?;
                let &OrderKey { ticket, op } = order;
                match known.stage {
                    Stage::Answered { .. } => {
                        Some(AdaptationOutput::Answered { ticket, op, answer: known.answer() })
                    }
                    Stage::Lost { was_sent } => Some(AdaptationOutput::Lost { ticket, op, was_sent }),
                    Stage::Queued | Stage::Dispatched { .. } => None,
                }
            }
        }
    }

    /// Operations that are not acknowledged.
    #[must_use]
    pub fn open(&self) -> usize {
        self.orders.len()
    }

    /// What the adapter of a device can do, if it has one.
    #[must_use]
    pub fn capabilities(&self, device: Serial) -> Option<AdapterCapabilities> {
        self.adapters.get(&device).map(|adapter| adapter.capabilities)
    }

    fn is_over(&self, order: OrderKey) -> bool {
        let stage = self.orders.get(&order).map(|known| known.stage);
        matches!(stage, Some(Stage::Answered { .. } | Stage::Lost { .. }))
    }

    fn step(&mut self, now: Instant, entry: Entry) {
        self.journal.record(AdaptationRecord(entry.clone()));
        self.apply(now, entry);
    }

    /// Gives the adapter of a device what is next, unless it is busy.
    fn turn(&mut self, now: Instant, device: Serial) {
        let first = self.adapters.get(&device).and_then(|adapter| adapter.queue.front().copied());
        let Some(order) = first else { return };
        if self.orders.get(&order).is_some_and(|known| known.stage == Stage::Queued) {
            let token = NativeToken(self.next_token);
            self.step(now, Entry::Dispatched { order, token });
            self.journal.hold(Effect::Native(token));
        }
    }

    /// The step that a record tells of, in memory. What cannot be is passed over.
    fn apply(&mut self, now: Instant, entry: Entry) {
        match entry {
            Entry::Adapter { device, capabilities } => {
                let adapter = self
                    .adapters
                    .entry(device)
                    .or_insert_with(|| Adapter { capabilities, queue: VecDeque::new() });
                adapter.capabilities = capabilities;
            }
            Entry::AdapterGone { device } => {
                let Some(adapter) = self.adapters.remove(&device) else { return };
                for order in adapter.queue {
                    let was_sent = self.orders.get(&order).is_some_and(Order::was_sent);
                    self.rest(order, Stage::Lost { was_sent });
                }
            }
            Entry::Ordered { order, steps } => {
                if let Some(adapter) = self.adapters.get_mut(&order.ticket.serial) {
                    adapter.queue.push_back(order);
                    self.orders.insert(order, Order { steps, results: Vec::new(), stage: Stage::Queued });
                }
            }
            Entry::Refused { order, status } => {
                let stage = Stage::Answered { refused: Some(StatusCode::new(status)) };
                self.orders.insert(order, Order { steps: Vec::new(), results: Vec::new(), stage });
            }
            Entry::Dispatched { order, token } => {
                self.next_token = self.next_token.max(token.0.saturating_add(1));
                let until = now + self.config.t_answer;
                self.rest(order, Stage::Dispatched { token, is_pending: false, until });
            }
            Entry::Resulted { token, result } => {
                let Some(&order) = self.tokens.get(&token) else { return };
                if result == NativeResult::Pending {
                    let until = now + self.config.t_asynchronous;
                    return self.rest(order, Stage::Dispatched { token, is_pending: true, until });
                }
                let Some(known) = self.orders.get_mut(&order) else { return };
                known.results.push(result);
                let is_last = known.results.len() >= known.steps.len();
                self.rest(order, if is_last { Stage::Answered { refused: None } } else { Stage::Queued });
            }
            Entry::Lost { token } => {
                if let Some(&order) = self.tokens.get(&token) {
                    self.rest(order, Stage::Lost { was_sent: true });
                }
            }
            Entry::Closed { order } => {
                self.rest(order, Stage::Lost { was_sent: false });
                self.orders.remove(&order);
            }
        }
    }

    /// An order stands elsewhere: keeps every index in step.
    fn rest(&mut self, order: OrderKey, stage: Stage) {
        let Some(known) = self.orders.get_mut(&order) else { return };
        if let Stage::Dispatched { token, until, .. } = core::mem::replace(&mut known.stage, stage) {
            self.tokens.remove(&token);
            self.deadlines.remove(&(until, token));
        }
        match stage {
            Stage::Dispatched { token, until, .. } => {
                self.tokens.insert(token, order);
                self.deadlines.insert((until, token));
            }
            Stage::Answered { .. } | Stage::Lost { .. } => {
                if let Some(adapter) = self.adapters.get_mut(&order.ticket.serial) {
                    adapter.queue.retain(|other| *other != order);
                }
            }
            Stage::Queued => {}
        }
    }
}

impl Order {
    /// Whether the adapter may have done something.
    const fn was_sent(&self) -> bool {
        !self.results.is_empty() || matches!(self.stage, Stage::Dispatched { .. })
    }

    fn answer(&self) -> DeviceAnswer {
        if let Stage::Answered { refused: Some(status) } = self.stage {
            return DeviceAnswer::new(status);
        }
        let failed = self.results.iter().map(NativeResult::status).find(|status| !status.is_success());
        let value = self.results.iter().find_map(|result| match result {
            NativeResult::Done(value) => value.clone(),
            _ => None,
        });
        // A value is an answer to Get; the others have only a Status.
        let value = value.filter(|_| matches!(self.steps.first(), Some(NativeOp::Get { .. })));
        DeviceAnswer { status: failed.unwrap_or(StatusCode::OK), value }
    }
}

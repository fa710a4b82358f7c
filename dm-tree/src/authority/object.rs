//! The ledger as a management object, `urn:oma:mo:x-dm-authority:1.0`, which is ours: the standard's own is not
//! public.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::StatusCode;

use super::delegate::LedgerErrorKind;
use super::draft::Draft;
use super::step::LedgerStep;
use super::terms::{Delegation, DelegationId, DelegationKind, MoType, Priority};
use super::types::TypeRules;
use crate::acting::Acting;
use crate::error::{Refusal, RefusalKind, TreeError};
use crate::handler::{Children, Context, ExecReply, Handler, NoAnswer};
use crate::mount::MountId;
use crate::node::{NewNode, NodeFacts};
use crate::rights::{AccessType, Rights};
use crate::server_id::ServerId;
use crate::timestamp::Timestamp;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::{Format, Value};

/// The identifier of the object through which authorities manage the ledger. Its description is
/// [`ddf::DM_AUTHORITY`](crate::ddf::DM_AUTHORITY).
pub const AUTHORITY_MO: &str = "urn:oma:mo:x-dm-authority:1.0";

const DELEGATIONS: &str = "Delegations";
const OWNED: &str = "Owned";
const TYPES: &str = "Types";

/// The leaves of a delegation, in byte order.
const LEAVES: [&str; 15] = [
    "Commands",
    "Delegatee",
    "Delegator",
    "Depth",
    "Grant",
    "Instance",
    "Kind",
    "NotAfter",
    "Parent",
    "Priority",
    "Prohibited",
    "Restrictions",
    "State",
    "Subtree",
    "Type",
];

impl Tree {
    /// Shows the ledger at `uri` as a management object of type [`AUTHORITY_MO`], so that authorities can manage it with
    /// ordinary commands; begins the ledger if there is none. The tree serves it by itself: no handler is lent.
    ///
    /// Every authenticated server may send commands to it, whatever the ACLs say, and sees its own part: what it owns, what
    /// it has delegated or received, and which types it may manage. `Add` of `Delegations/<x>` begins a delegation that
    /// nobody else sees, `Replace` of its leaves says what it is, `Exec` of its leaf `Grant` puts it in force, after
    /// which it is found under its number; `Delete` revokes it. Lists are separated by spaces. Who owns the root
    /// may say below `Types` which types other servers may manage.
    ///
    /// # Errors
    ///
    /// As [`mount`](Self::mount); [`TreeError::Exists`] also when it is shown already.
    pub fn mount_ledger(&mut self, uri: &str) -> Result<MountId, TreeError> {
        if self.ledger.as_deref().is_some_and(|ledger| ledger.object.is_some()) {
            return Err(TreeError::Exists);
        }
        let mount = self.mount(uri)?;
        self.set_ledger_object(Some(mount));
        Ok(mount)
    }
}

impl Acting<'_> {
    /// Does what the object that shows the ledger was told to do.
    pub(crate) fn settle_ledger(&mut self) -> Result<(), Refusal> {
        let (Some(order), Some(server)) = (self.ledger.order.take(), self.actor.server()) else {
            return Ok(());
        };
        let done = match order {
            Order::Draft(key, draft) => {
                self.tree.put_draft(key, draft.map(|draft| *draft));
                Ok(())
            }
            Order::Grant(key) => self.grant(server, &key),
            Order::Revoke(id) => self.tree.revoke(server, id).map(|_| ()),
            Order::Priority(id, priority) => self.tree.set_priority(server, id, priority),
            Order::OwnPriority(uri, priority) => self.tree.set_own_priority(server, &uri, priority),
            Order::Types(other, rules) => {
                self.tree.take_step(LedgerStep::Types { server: other, rules });
                Ok(())
            }
        };
        done.map_err(|error| RefusalKind::Ledger(error.kind()).into())
    }

    fn grant(&mut self, server: &ServerId, key: &str) -> Result<(), super::LedgerError> {
        let draft = self.tree.ledger.as_deref().and_then(|ledger| ledger.drafts.get(key)).cloned();
        let draft = draft.ok_or(LedgerErrorKind::NoSuchDelegation)?;
        let (to, terms) = draft.terms().ok_or(LedgerErrorKind::Incomplete)?;
        match draft.parent {
            None => self.tree.delegate(server, &to, terms)?,
            Some(held) => self.tree.sub_delegate(server, held, &to, terms)?,
        };
        self.tree.put_draft(key.into(), None);
        Ok(())
    }
}

/// What a command wants of the ledger. The tree does it once the handler has said yes.
#[derive(Debug)]
enum Order {
    Draft(String, Option<alloc::boxed::Box<Draft>>),
    Grant(String),
    Revoke(DelegationId),
    Priority(DelegationId, Priority),
    OwnPriority(NodeUri<'static>, Priority),
    Types(ServerId, Option<TypeRules>),
}

/// The server that acts. The object is for servers only: for an application of the device there is none.
fn server<'a>(cx: &Context<'a>) -> Result<&'a ServerId, NoAnswer> {
    cx.server().ok_or_else(|| StatusCode::NOT_FOUND.into())
}

/// Serves the object. It reads the ledger in the tree, and leaves what is to be done for who called it.
#[derive(Debug, Default)]
pub(crate) struct LedgerObject {
    order: Option<Order>,
}

/// A delegation as one server sees it.
enum View<'a> {
    Draft(String, &'a Draft),
    Active(&'a Delegation),
}

impl View<'_> {
    fn draft(&self) -> Draft {
        match self {
            Self::Draft(_, draft) => (*draft).clone(),
            Self::Active(delegation) => Draft::of(delegation),
        }
    }

    fn facts(&self, leaf: &str, server: &ServerId) -> Option<NodeFacts> {
        let format = match leaf {
            "Depth" | "Priority" => Format::Int,
            "Grant" => Format::Null,
            _ => Format::Chr,
        };
        let access = match self {
            _ if leaf == "State" || leaf == "Delegator" => AccessType::GET,
            Self::Draft(..) if leaf == "Grant" => AccessType::EXEC,
            Self::Active(_) if leaf == "Grant" => return None,
            Self::Draft(..) => AccessType::GET | AccessType::REPLACE,
            Self::Active(delegation) if leaf == "Priority" && delegation.delegator == *server => {
                AccessType::GET | AccessType::REPLACE
            }
            Self::Active(_) => AccessType::GET,
        };
        LEAVES.contains(&leaf).then(|| NodeFacts::leaf(format).with_access(access))
    }

    fn text(&self, leaf: &str) -> Option<String> {
        let draft = self.draft();
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        Some(match leaf {
            "Commands" => words(draft.commands.iter().map(|(_, name)| name)),
            "Delegatee" => or_empty(draft.delegatee.map(|id| id.to_string())),
            "Delegator" => draft.author.to_string(),
            "Depth" => draft.depth.to_string(),
            "Instance" => or_empty(draft.instance.map(|uri| uri.to_string())),
            "Kind" => or_empty(draft.kind.map(|kind| kind.to_string())),
            "NotAfter" => or_empty(draft.not_after.map(|end| end.to_string())),
            "Parent" => or_empty(draft.parent.map(|id| id.to_string())),
            "Priority" => draft.priority.0.to_string(),
            "Prohibited" => words(draft.prohibited.iter().map(ServerId::as_str)),
            "Restrictions" => words(draft.restrictions.iter().map(String::as_str)),
            "State" if matches!(self, Self::Draft(..)) => "Draft".into(),
            "State" => "Active".into(),
            "Subtree" => or_empty(draft.subtree.map(|uri| uri.to_string())),
            "Type" => or_empty(draft.mo_type.map(|mo_type| mo_type.to_string())),
            _ => return None,
        })
    }
}

fn words<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

/// Says something of a draft. `None` when the text is not of the kind that the leaf holds.
fn say(draft: &mut Draft, leaf: &str, text: &str, tree: &Tree) -> Option<()> {
    let text = text.trim();
    /// Nothing, or what it says.
    fn maybe<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
        if text.is_empty() { Some(None) } else { read(text).map(Some) }
    }
    let uri = |text: &str| {
        let uri = NodeUri::parse(text).ok()?;
        uri.check(&tree.limits().uri).ok()?;
        Some(uri.into_owned())
    };
    match leaf {
        "Commands" => {
            let command = |all: Rights, name| Rights::from_name(name).map(|one| all | one);
            draft.commands = text.split_whitespace().try_fold(Rights::NONE, command)?;
        }
        "Delegatee" => draft.delegatee = maybe(text, |text| ServerId::new(text).ok())?,
        "Depth" => draft.depth = text.parse().ok()?,
        "Instance" => draft.instance = maybe(text, uri)?,
        "Kind" => draft.kind = maybe(text, DelegationKind::from_name)?,
        "NotAfter" => draft.not_after = maybe(text, Timestamp::parse)?,
        "Parent" => draft.parent = maybe(text, |text| text.parse().ok().map(DelegationId))?,
        "Priority" => draft.priority = Priority(text.parse().ok()?),
        "Prohibited" => {
            let ids = text.split_whitespace().map(|id| ServerId::new(id).ok());
            draft.prohibited = ids.collect::<Option<_>>()?;
        }
        "Restrictions" => draft.restrictions = text.split_whitespace().map(String::from).collect(),
        "Subtree" => draft.subtree = maybe(text, uri)?,
        "Type" => draft.mo_type = maybe(text, |text| MoType::new(text).ok())?,
        _ => return None,
    }
    Some(())
}

/// Who may say which types others may manage.
fn is_primary(cx: &Context<'_>) -> bool {
    cx.server().is_some_and(|server| cx.tree.owner(&NodeUri::ROOT) == Some(server))
}

fn rules_shown<'a>(cx: &Context<'a>, server: &str) -> Option<&'a TypeRules> {
    let id = ServerId::new(server).ok()?;
    (Some(&id) == cx.server() || is_primary(cx)).then(|| cx.tree.type_rules(&id))?
}

/// The name of the node of an owned place: its address, without the dot.
fn owned_name(uri: &NodeUri<'_>) -> String {
    uri.as_str().strip_prefix("./").unwrap_or(uri.as_str()).into()
}

fn owned<'n>(cx: &Context<'_>, name: &'n str) -> Option<NodeUri<'n>> {
    let uri = NodeUri::parse(if name == "." { "." } else { name }).ok()?;
    let mine = cx.tree.owned_by(cx.server()?);
    mine.iter().any(|own| owned_name(own) == name).then_some(uri)
}

fn key(server: &ServerId, name: &str) -> String {
    // No name and no identifier holds a line feed.
    alloc::format!("{server}\n{name}")
}

/// What a server sees of the delegations.
fn views<'a>(cx: &Context<'a>, server: &'a ServerId) -> impl Iterator<Item = (String, View<'a>)> {
    let ledger = cx.tree.ledger.as_deref();
    let tree = cx.tree;
    let prefix = key(server, "");
    let drafts = ledger.into_iter().flat_map(move |ledger| {
        let prefix = prefix.clone();
        let from = ledger.drafts.range(prefix.clone()..);
        from.map_while(move |(key, draft)| {
            let name = key.strip_prefix(prefix.as_str())?;
            Some((String::from(name), View::Draft(key.clone(), draft)))
        })
    });
    let active = tree.delegations().filter(move |delegation| sees(tree, server, delegation));
    drafts.chain(active.map(|delegation| (delegation.id.to_string(), View::Active(delegation))))
}

/// Its parties see a delegation, and those further up the chain as far as it is theirs.
fn sees(tree: &Tree, server: &ServerId, delegation: &Delegation) -> bool {
    if delegation.delegatee == *server {
        return true;
    }
    let mut at = delegation;
    loop {
        if at.delegator == *server {
            return true;
        }
        match at.parent.and_then(|parent| tree.delegation(parent)) {
            Some(parent) if at.terms.kind() != DelegationKind::Full => {
                // What is passed on under a full delegation is not told to who made it.
                if parent.terms.kind() == DelegationKind::Full {
                    return false;
                }
                at = parent;
            }
            _ => return false,
        }
    }
}

fn view<'a>(cx: &Context<'a>, name: &str) -> Option<View<'a>> {
    let number = name.parse().ok().filter(|number: &u64| number.to_string() == name);
    if let Some(number) = number {
        let delegation = cx.tree.delegation(DelegationId(number))?;
        return sees(cx.tree, cx.server()?, delegation).then_some(View::Active(delegation));
    }
    let key = key(cx.server()?, name);
    let draft = cx.tree.ledger.as_deref()?.drafts.get(&key)?;
    Some(View::Draft(key, draft))
}

fn refused(status: StatusCode) -> NoAnswer {
    status.into()
}

const BAD_VALUE: StatusCode = StatusCode::COMMAND_FAILED;

impl Handler for LedgerObject {
    fn node(&mut self, cx: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let server = cx.server()?;
        let interior = NodeFacts::interior;
        let leaf = || NodeFacts::leaf(Format::Chr);
        let set = AccessType::GET | AccessType::REPLACE;
        match path {
            [] => Some(interior().with_type(AUTHORITY_MO)),
            [OWNED] => Some(interior()),
            [DELEGATIONS] | [TYPES] => Some(interior().with_access(AccessType::GET | AccessType::ADD)),
            [DELEGATIONS, name] => {
                view(cx, name)?;
                Some(interior().dynamic().with_access(AccessType::GET | AccessType::DELETE))
            }
            [DELEGATIONS, name, leaf] => view(cx, name)?.facts(leaf, server),
            [OWNED, name] => owned(cx, name).map(|_| interior()),
            [OWNED, name, "URI"] => owned(cx, name).map(|_| leaf()),
            [OWNED, name, "Priority"] => {
                owned(cx, name).map(|_| NodeFacts::leaf(Format::Int).with_access(set))
            }
            [TYPES, server] => {
                rules_shown(cx, server)?;
                let access = AccessType::GET | AccessType::DELETE;
                Some(interior().dynamic().with_access(access))
            }
            [TYPES, server, "Allowed" | "Denied"] => rules_shown(cx, server).map(|_| leaf().with_access(set)),
            _ => None,
        }
    }

    fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let gone = || refused(StatusCode::NOT_FOUND);
        let text = match path {
            [DELEGATIONS, name, leaf] => view(cx, name).and_then(|view| view.text(leaf)).ok_or_else(gone)?,
            [OWNED, name, "URI"] => owned(cx, name).ok_or_else(gone)?.to_string(),
            [OWNED, name, _] => {
                let uri = owned(cx, name).ok_or_else(gone)?;
                let spot = cx.tree.spot_at(&uri).ok_or_else(gone)?;
                let (_, own) = cx.tree.owned_at(&spot).ok_or_else(gone)?;
                own.priority.0.to_string()
            }
            [TYPES, server, which] => {
                let rules = rules_shown(cx, server).ok_or_else(gone)?;
                let patterns: Vec<String> =
                    if *which == "Allowed" { rules.allowed().collect() } else { rules.denied().collect() };
                words(patterns.iter().map(String::as_str))
            }
            _ => return Err(gone()),
        };
        Ok(text.into_bytes())
    }

    fn children(&mut self, cx: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        let server = server(cx)?;
        match path {
            [] => [DELEGATIONS, OWNED, TYPES].iter().all(|name| out.push(name)),
            [DELEGATIONS] => views(cx, server).all(|(name, _)| out.push(&name)),
            [DELEGATIONS, name] => {
                let view = view(cx, name).ok_or(StatusCode::NOT_FOUND)?;
                let leaves = LEAVES.iter().filter(|leaf| view.facts(leaf, server).is_some());
                leaves.copied().all(|leaf| out.push(leaf))
            }
            [OWNED] => cx.tree.owned_by(server).iter().all(|uri| out.push(&owned_name(uri))),
            [OWNED, _] => ["Priority", "URI"].iter().all(|name| out.push(name)),
            [TYPES] if is_primary(cx) => {
                let types = cx.tree.ledger.as_deref().map(|ledger| ledger.types.keys());
                types.into_iter().flatten().all(|other| out.push(other.as_str()))
            }
            [TYPES] => cx.tree.type_rules(server).is_none() || out.push(server.as_str()),
            [TYPES, _] => ["Allowed", "Denied"].iter().all(|name| out.push(name)),
            _ => return Err(StatusCode::NOT_FOUND.into()),
        };
        Ok(())
    }

    fn replace(&mut self, cx: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let text = value.as_str().ok_or(BAD_VALUE)?;
        let priority = || text.trim().parse().map(Priority).map_err(|_| refused(BAD_VALUE));
        self.order = Some(match path {
            [DELEGATIONS, name, leaf] => match view(cx, name).ok_or(StatusCode::NOT_FOUND)? {
                View::Draft(key, draft) => {
                    let mut draft = draft.clone();
                    say(&mut draft, leaf, text, cx.tree).ok_or(BAD_VALUE)?;
                    if draft.restrictions() > cx.tree.limits().ledger.max_restrictions {
                        return Err(StatusCode::TOO_LARGE.into());
                    }
                    Order::Draft(key, Some(draft.into()))
                }
                View::Active(delegation) => Order::Priority(delegation.id, priority()?),
            },
            [OWNED, name, _] => {
                let uri = owned(cx, name).ok_or(StatusCode::NOT_FOUND)?;
                Order::OwnPriority(uri.into_owned(), priority()?)
            }
            [TYPES, server, which] => {
                if !is_primary(cx) {
                    return Err(StatusCode::PERMISSION_DENIED.into());
                }
                let id = ServerId::new(server).map_err(|_| BAD_VALUE)?;
                let rules = cx.tree.type_rules(&id).ok_or(StatusCode::NOT_FOUND)?;
                let patterns = text.split_whitespace();
                let rules = match *which {
                    "Allowed" => rules.with_allowed(patterns),
                    _ => rules.with_denied(patterns),
                };
                let rules = rules.map_err(|_| BAD_VALUE)?;
                if rules.len() > cx.tree.limits().ledger.max_restrictions {
                    return Err(StatusCode::TOO_LARGE.into());
                }
                Order::Types(id, Some(rules))
            }
            _ => return Err(StatusCode::NOT_ALLOWED.into()),
        });
        Ok(())
    }

    fn add(&mut self, cx: &Context<'_>, path: &[&str], new: &NewNode) -> Result<(), NoAnswer> {
        if !matches!(new, NewNode::Interior { mo_id } if mo_id.is_empty()) {
            return Err(StatusCode::NOT_ALLOWED.into());
        }
        let author = server(cx)?;
        self.order = Some(match path {
            // A name of digits alone is the number of a delegation in force.
            [DELEGATIONS, name] if name.bytes().all(|byte| byte.is_ascii_digit()) || name.contains('\n') => {
                return Err(StatusCode::NOT_ALLOWED.into());
            }
            [DELEGATIONS, name] => {
                let drafts = views(cx, author).filter(|(_, view)| matches!(view, View::Draft(..))).count();
                if drafts >= cx.tree.limits().ledger.max_drafts {
                    return Err(StatusCode::DEVICE_FULL.into());
                }
                Order::Draft(key(author, name), Some(Draft::new(author.clone()).into()))
            }
            [TYPES, server] => {
                if !is_primary(cx) {
                    return Err(StatusCode::PERMISSION_DENIED.into());
                }
                let id = ServerId::new(server).map_err(|_| BAD_VALUE)?;
                let count = cx.tree.ledger.as_deref().map_or(0, |ledger| ledger.types.len());
                if count >= cx.tree.limits().ledger.max_delegations {
                    return Err(StatusCode::DEVICE_FULL.into());
                }
                Order::Types(id, Some(TypeRules::new()))
            }
            _ => return Err(StatusCode::NOT_ALLOWED.into()),
        });
        Ok(())
    }

    fn delete(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<(), NoAnswer> {
        self.order = Some(match path {
            [DELEGATIONS, name] => match view(cx, name).ok_or(StatusCode::NOT_FOUND)? {
                View::Draft(key, _) => Order::Draft(key, None),
                View::Active(delegation) => Order::Revoke(delegation.id),
            },
            [TYPES, server] => {
                if !is_primary(cx) {
                    return Err(StatusCode::PERMISSION_DENIED.into());
                }
                Order::Types(ServerId::new(server).map_err(|_| BAD_VALUE)?, None)
            }
            _ => return Err(StatusCode::NOT_ALLOWED.into()),
        });
        Ok(())
    }

    fn exec(&mut self, cx: &Context<'_>, path: &[&str], _: &[u8]) -> ExecReply {
        match path {
            [DELEGATIONS, name, "Grant"] => match view(cx, name) {
                Some(View::Draft(key, _)) => {
                    self.order = Some(Order::Grant(key));
                    ExecReply::Done(StatusCode::OK)
                }
                _ => ExecReply::Done(StatusCode::NOT_FOUND),
            },
            _ => ExecReply::Done(StatusCode::NOT_ALLOWED),
        }
    }
}

//! The names of the nodes, in one place: the objects serve them and the console asks for them.

use dm_tree::NodeUri;

use crate::device::Serial;
use crate::fanout::JobKey;
use crate::group::GroupId;

pub(crate) const GWMO: &str = "./GwMO";
pub(crate) const INVENTORY: &str = "./GwMO/Inventory";
pub(crate) const GROUPS: &str = "./GwMO/Groups";
pub(crate) const FANOUT: &str = "./GwMO/Fanout";

// Inventory.
pub(crate) const SUMMARY: &str = "Summary";
pub(crate) const REV: &str = "Rev";
pub(crate) const TOTAL: &str = "Total";
pub(crate) const ATTACHED: &str = "Attached";
pub(crate) const DETACHED: &str = "Detached";
pub(crate) const DEVICES: &str = "Devices";
pub(crate) const DEV_ID: &str = "DevID";
pub(crate) const ATTACH_STATUS: &str = "AttachStatus";
pub(crate) const EPOCH: &str = "Epoch";
pub(crate) const MODE: &str = "Mode";
pub(crate) const PROTO: &str = "Proto";
pub(crate) const ADDR: &str = "Addr";
pub(crate) const INFO: &str = "Info";
pub(crate) const MGMT: &str = "Mgmt";
pub(crate) const PAGE: &str = "Page";
pub(crate) const ALERTS: &str = "Alerts";
pub(crate) const EACH_TIME: &str = "EachTime";

// Groups.
pub(crate) const MEMBERS: &str = "Members";
pub(crate) const LIST: &str = "List";
pub(crate) const COUNT: &str = "Count";

// Fanout.
pub(crate) const JOBS: &str = "Jobs";
pub(crate) const JOB_ID: &str = "JobID";
pub(crate) const OWNER: &str = "Owner";
pub(crate) const TARGET: &str = "Target";
pub(crate) const DEV: &str = "Dev";
pub(crate) const GROUP: &str = "Group";
pub(crate) const NOT: &str = "Not";
pub(crate) const OPS: &str = "Ops";
pub(crate) const CMD: &str = "Cmd";
pub(crate) const POLICY: &str = "Policy";
pub(crate) const WINDOW: &str = "Window";
pub(crate) const T_NOTIFY: &str = "TNotify";
pub(crate) const T_SESSION: &str = "TSession";
pub(crate) const RETRIES: &str = "Retries";
pub(crate) const RETRY_WAIT: &str = "RetryWait";
pub(crate) const JOB_TIME: &str = "JobTime";
pub(crate) const OFFLINE: &str = "Offline";
pub(crate) const UNSAFE: &str = "Unsafe";
pub(crate) const START: &str = "Start";
pub(crate) const CANCEL: &str = "Cancel";
pub(crate) const STATE: &str = "State";
pub(crate) const RESULT: &str = "Result";
pub(crate) const STAT: &str = "Stat";
pub(crate) const OUT: &str = "Out";
pub(crate) const REC: &str = "Rec";
pub(crate) const SUM: &str = "Sum";
pub(crate) const CODE: &str = "Code";
pub(crate) const TRIES: &str = "Tries";
pub(crate) const OP: &str = "Op";
pub(crate) const FMT: &str = "Fmt";
pub(crate) const TYPE: &str = "Type";
pub(crate) const DATA: &str = "Data";
pub(crate) const CUT: &str = "Cut";

/// The address of a node below one of ours.
pub(crate) fn below(top: &str, names: &[&str]) -> NodeUri<'static> {
    let top = NodeUri::parse(top).expect("the addresses above are well formed").into_owned();
    names.iter().fold(top, |uri, name| match uri.child(name) {
        Ok(child) => child,
        // `.` and `..` are the only names no address can spell; nothing of ours answers to this one either.
        Err(_) => uri.child("%").expect("a percent sign is a name"),
    })
}

/// `./GwMO/Inventory/Devices/<serial>`
pub(crate) fn device(serial: Serial) -> NodeUri<'static> {
    below(INVENTORY, &[DEVICES, &alloc::format!("{serial}")])
}

/// `./GwMO/Inventory/Devices/<serial>/Mgmt`: the ACL in force here says who may do what to the device.
pub(crate) fn anchor(serial: Serial) -> NodeUri<'static> {
    below(INVENTORY, &[DEVICES, &alloc::format!("{serial}"), MGMT])
}

/// `./GwMO/Groups/<id>`
pub(crate) fn group(id: &GroupId) -> NodeUri<'static> {
    below(GROUPS, &[id.as_str()])
}

/// `./GwMO/Fanout/Jobs/<key>`
pub(crate) fn job(key: &JobKey) -> NodeUri<'static> {
    below(FANOUT, &[JOBS, key.as_str()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_spelled_and_escaped() {
        assert_eq!(anchor(Serial::FIRST).as_str(), "./GwMO/Inventory/Devices/1/Mgmt");
        assert_eq!(group(&GroupId::new("a/b c").unwrap()).as_str(), "./GwMO/Groups/a%2Fb%20c");
        assert_eq!(job(&JobKey::new("J7").unwrap()).as_str(), "./GwMO/Fanout/Jobs/J7");
        assert_eq!(job(&JobKey::new("..").unwrap()).as_str(), "./GwMO/Fanout/Jobs/%25");
    }
}

//! What programs take of the machine, from `/proc`, while they are at rest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::World;

/// How much larger a program may be at the end than early on: half as much again, and what an allocator keeps.
const GROWTH: f64 = 1.5;
const SLACK_KIB: f64 = 24.0 * 1024.0;
/// Files besides one for each device: the store, sockets, the runtime, connections of the operator and of servers.
const FILES: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Size {
    /// Resident, in KiB.
    resident: u64,
    files: usize,
}

#[derive(Debug)]
pub(crate) struct Watch {
    devices: usize,
    sizes: BTreeMap<String, Vec<Size>>,
}

impl Watch {
    pub(crate) const fn new(devices: usize) -> Self {
        Self { devices, sizes: BTreeMap::new() }
    }

    /// Measures every program; what it says.
    pub(crate) fn measure(&mut self, world: &World) -> String {
        let mut said = String::new();
        for process in world.processes() {
            let (id, age) = process.alive();
            let size = of(id);
            let most = self.devices + FILES;
            assert!(size.files <= most, "{} has {} files open", process.role(), size.files);
            let (mib, age) = (size.resident as f64 / 1024.0, age.as_secs());
            let _ = write!(
                said,
                "{}{}: {mib:.1} MiB, {} files, {age} s old",
                if said.is_empty() { "" } else { "; " },
                process.role(),
                size.files
            );
            self.sizes.entry(process.role().to_string()).or_default().push(size);
        }
        said
    }

    /// Nobody has grown with time.
    pub(crate) fn judge(&self) {
        for (role, sizes) in &self.sizes {
            let early = sizes[..sizes.len().div_ceil(4)].iter().map(|size| size.resident).max().unwrap();
            let last = sizes[sizes.len() - 1].resident;
            let most = early as f64 * GROWTH + SLACK_KIB;
            assert!(last as f64 <= most, "{role} has grown from {early} KiB to {last} KiB: {sizes:?}");
        }
    }
}

fn of(process: u32) -> Size {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    Size { resident, files }
}

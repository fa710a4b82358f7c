//! Jobs that devices may join while they run, by what can make a device join one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::fanout::JobNo;
use crate::group::{GroupId, TargetSet};
use crate::inventory::FactSet;

/// The targets of such jobs, which no longer change, and who of them looks at what.
#[derive(Debug, Default)]
pub(crate) struct LiveJobs {
    targets: BTreeMap<JobNo, TargetSet>,
    by_fact: [BTreeSet<JobNo>; FactSet::COUNT],
    by_group: BTreeMap<GroupId, BTreeSet<JobNo>>,
}

impl LiveJobs {
    pub(super) fn add(&mut self, job: JobNo, targets: TargetSet) {
        for fact in targets.facts().indices() {
            self.by_fact[fact].insert(job);
        }
        for group in targets.groups() {
            self.by_group.entry(group.clone()).or_default().insert(job);
        }
        self.targets.insert(job, targets);
    }

    pub(super) fn remove(&mut self, job: JobNo) {
        let Some(targets) = self.targets.remove(&job) else { return };
        for fact in targets.facts().indices() {
            self.by_fact[fact].remove(&job);
        }
        for group in targets.groups() {
            if let Some(jobs) = self.by_group.get_mut(group) {
                jobs.remove(&job);
                if jobs.is_empty() {
                    self.by_group.remove(group);
                }
            }
        }
    }

    pub(crate) fn targets(&self, job: JobNo) -> Option<&TargetSet> {
        self.targets.get(&job)
    }

    /// The jobs that look at one of these facts, each once.
    pub(crate) fn looking_at(&self, facts: FactSet) -> Vec<JobNo> {
        let mut jobs: Vec<JobNo> = facts.indices().flat_map(|fact| &self.by_fact[fact]).copied().collect();
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// The jobs for a group.
    pub(crate) fn of_group(&self, group: &GroupId) -> Vec<JobNo> {
        self.by_group.get(group).map_or_else(Vec::new, |jobs| jobs.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Fact;

    #[test]
    fn only_who_looks_is_found() {
        let mut live = LiveJobs::default();
        let cameras = GroupId::new("cameras").unwrap();
        let (by_group, by_rule, by_both) = (JobNo::new(1), JobNo::new(2), JobNo::new(3));
        live.add(by_group, TargetSet::new().with_group(cameras.clone()));
        live.add(by_rule, TargetSet::new().with_matching("Info/Fw<2".parse().unwrap()));
        let both = TargetSet::new().with_matching("Info/Fw<2|Info/Mod=\"X\"".parse().unwrap());
        live.add(by_both, both.with_group(cameras.clone()));
        assert_eq!(live.looking_at(FactSet::of(Fact::Firmware)), [by_rule, by_both]);
        assert_eq!(
            live.looking_at(FactSet::of(Fact::Model) | FactSet::of(Fact::Firmware)),
            [by_rule, by_both]
        );
        assert_eq!(live.looking_at(FactSet::of(Fact::Software) | FactSet::ATTACH_STATUS), []);
        assert_eq!(live.looking_at(FactSet::REGISTERED), [by_group, by_rule, by_both]);
        assert_eq!(live.of_group(&cameras), [by_group, by_both]);
        for job in [by_both, by_group, by_rule, by_rule] {
            live.remove(job);
        }
        assert!(live.by_group.is_empty() && live.targets.is_empty());
        assert!(live.by_fact.iter().all(BTreeSet::is_empty));
    }
}

//! A guest's processors and I/O threads, complete: each with its state, its place and its schedule.

use std::collections::BTreeMap;

use crate::domain::{DomainHooks, Features};
use crate::error::{internal, invalid, plain, refuse, unsupported};
use crate::model::{
    Bitmap, CacheAllocation, CacheType, Domain, IoThread, IoThreadScheduler, Scheduler, VcpuPlacement,
    VcpuScheduler, VcpuState,
};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result, Within};

/// libvirt's bound on the length of lists.
const MOST_PROCESSORS: u32 = 16384;

impl Domain {
    pub(super) fn fill_in_threads(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        self.fill_in_vcpus(hooks)?;
        self.fill_in_iothreads()?;
        self.check_numa_processors()?;
        self.fill_in_pins()?;
        self.fill_in_schedulers()?;
        self.fill_in_resource_control()
    }

    fn fill_in_vcpus(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        let max = self.vcpu.max;
        if self.vcpu.placement == VcpuPlacement::Auto {
            self.vcpu.cpuset = None;
        }
        if self.vcpu.current.is_some_and(|current| current > max) {
            return Err(unsupported("maximum vCPU count must not be less than current vCPU count")
                .within("vcpu/@current"));
        }
        self.vcpu.current = self.vcpu.current.filter(|current| *current != max);
        if self.vcpus.list.is_empty() {
            return Ok(());
        }
        if !hooks.features().contains(Features::INDIVIDUAL_VCPUS) {
            return Err(unsupported("individual CPU state configuration is not supported").within("vcpus"));
        }
        if max > MOST_PROCESSORS {
            return Err(
                refuse(format!("{max} processors are more than one by one can be described")).within("vcpu")
            );
        }
        let mut states: BTreeMap<u32, VcpuState> = BTreeMap::new();
        for state in self.vcpus.list.drain(..) {
            if state.id >= max {
                let error = refuse(format!("vcpu id '{}' is out of range of maximum vcpu count", state.id));
                return Err(error.within(format_args!("vcpus/vcpu[@id='{}']/@id", state.id)));
            }
            states.insert(state.id, state);
        }
        let complete = |id| {
            let absent = VcpuState { id, enabled: false, hotpluggable: None, order: None };
            let mut state = states.remove(&id).unwrap_or(absent);
            state.hotpluggable.get_or_insert(!state.enabled);
            match state {
                VcpuState { enabled: false, hotpluggable: Some(false), .. } => {
                    let error = unsupported(format!("vcpu '{id}' is both offline and not hotpluggable"));
                    Err(error.within(format_args!("vcpus/vcpu[@id='{id}']")))
                }
                state => Ok(state),
            }
        };
        self.vcpus.list = (0..max).map(complete).collect::<Result<_>>()?;
        let online = self.vcpus.list.iter().filter(|state| state.enabled).count() as u32;
        self.vcpu.current = Some(online).filter(|online| *online != max);
        Ok(())
    }

    fn check_numa_processors(&self) -> Result<()> {
        let sets = || self.cpu.iter().flat_map(|cpu| &cpu.numa.cells).filter_map(|cell| cell.cpus.as_ref());
        if sets().map(Bitmap::count).sum::<usize>() as u64 > u64::from(self.vcpu.max) {
            return Err(internal("Number of CPUs in <numa> exceeds the <vcpu> count").within("cpu/numa"));
        }
        if sets().filter_map(Bitmap::last).max().unwrap_or_default() >= self.vcpu.max {
            return Err(internal("CPU IDs in <numa> exceed the <vcpu> count").within("cpu/numa"));
        }
        Ok(())
    }

    /// Threads that are only counted take the lowest ids that no other has.
    fn fill_in_iothreads(&mut self) -> Result<()> {
        let list = &mut self.iothreadids.list;
        if list.is_empty() {
            return Ok(());
        }
        let mut taken: Bitmap = Bitmap::default();
        for thread in list.iter() {
            if taken.contains(thread.id) {
                let error = refuse(format!("duplicate iothread id '{}' found", thread.id));
                return Err(error.within(format_args!("iothreadids/iothread[@id='{}'][2]", thread.id)));
            }
            taken.insert(thread.id);
        }
        let count = list.len() as u32;
        let missing = self.iothreads.min(MOST_PROCESSORS).saturating_sub(count) as usize;
        let free: Vec<u32> = (1..MOST_PROCESSORS).filter(|id| !taken.contains(*id)).take(missing).collect();
        list.extend(free.into_iter().map(|id| IoThread { id, ..IoThread::default() }));
        self.iothreads = self.iothreads.max(count);
        Ok(())
    }

    /// Where the I/O thread with this id stands in the order in which they are set up; nothing where there is none.
    #[must_use]
    pub fn iothread_position(&self, id: u32) -> Option<usize> {
        match self.iothreadids.list.is_empty() {
            true => (1..=self.iothreads).contains(&id).then(|| id as usize - 1),
            false => self.iothreadids.list.iter().position(|thread| thread.id == id),
        }
    }

    fn fill_in_pins(&mut self) -> Result<()> {
        let max = self.vcpu.max;
        let tune = &mut self.cputune;
        // Processors that the guest does not have are left out, as libvirt does.
        tune.vcpupins.retain(|pin| pin.vcpu < max);
        tune.vcpupins.sort_by_key(|pin| pin.vcpu);
        if let Some(pair) = tune.vcpupins.windows(2).find(|pair| pair[0].vcpu == pair[1].vcpu) {
            let id = pair[0].vcpu;
            let error = internal(format!("duplicate vcpupin for vcpu '{id}'"));
            return Err(error.within(format_args!("cputune/vcpupin[@vcpu='{id}'][2]")));
        }
        for pin in &self.cputune.iothreadpins {
            if self.iothread_position(pin.iothread).is_none() {
                let error = unsupported(format!("Cannot find 'iothread' : {}", pin.iothread));
                return Err(
                    error.within(format_args!("cputune/iothreadpin[@iothread='{}']/@iothread", pin.iothread))
                );
            }
        }
        let mut pins = std::mem::take(&mut self.cputune.iothreadpins);
        pins.sort_by_key(|pin| self.iothread_position(pin.iothread));
        if let Some(pair) = pins.windows(2).find(|pair| pair[0].iothread == pair[1].iothread) {
            let id = pair[0].iothread;
            let error = internal(format!("duplicate iothreadpin for same iothread '{id}'"));
            return Err(error.within(format_args!("cputune/iothreadpin[@iothread='{id}'][2]")));
        }
        self.cputune.iothreadpins = pins;
        Ok(())
    }

    /// One entry a thread.
    fn fill_in_schedulers(&mut self) -> Result<()> {
        let max = self.vcpu.max;
        let mut vcpus: BTreeMap<u32, Scheduler> = BTreeMap::new();
        for (at, entry) in self.cputune.vcpuscheds.iter().enumerate() {
            let placed = |error: Error| error.within("@vcpus").within_nth("vcpusched", at).within("cputune");
            for vcpu in entry.vcpus.iter() {
                if vcpu >= max {
                    return Err(placed(unsupported(format!(
                        "vCPU '{vcpu}' is not present in domain definition"
                    ))));
                }
                if vcpus.insert(vcpu, entry.scheduler).is_some() {
                    return Err(placed(plain("'vcpusched' attributes 'vcpus' must not overlap")));
                }
            }
        }
        self.cputune.vcpuscheds = vcpus
            .into_iter()
            .map(|(vcpu, scheduler)| VcpuScheduler { vcpus: Bitmap::from_iter([vcpu]), scheduler })
            .collect();
        let mut iothreads: BTreeMap<u32, Scheduler> = BTreeMap::new();
        for (at, entry) in self.cputune.iothreadscheds.iter().enumerate() {
            let placed =
                |error: Error| error.within("@iothreads").within_nth("iothreadsched", at).within("cputune");
            for id in entry.iothreads.iter() {
                if self.iothread_position(id).is_none() {
                    return Err(placed(unsupported(format!("Cannot find 'iothread' : {id}"))));
                }
                if iothreads.insert(id, entry.scheduler).is_some() {
                    return Err(placed(plain("'iothreadsched' attributes 'iothreads' must not overlap")));
                }
            }
        }
        let mut iothreads: Vec<(u32, Scheduler)> = iothreads.into_iter().collect();
        iothreads.sort_by_key(|(id, _)| self.iothread_position(*id));
        let one = |(id, scheduler)| IoThreadScheduler { iothreads: Bitmap::from_iter([id]), scheduler };
        self.cputune.iothreadscheds = iothreads.into_iter().map(one).collect();
        Ok(())
    }

    /// Parts of caches and memory bandwidth: of the guest's processors only, in order, without collisions.
    fn fill_in_resource_control(&mut self) -> Result<()> {
        let max = self.vcpu.max;
        let tune = &mut self.cputune;
        let shrink = |set: &mut Bitmap| set.truncate(max);
        for (at, entry) in tune.cachetunes.iter_mut().enumerate() {
            shrink(&mut entry.vcpus);
            entry.monitors.iter_mut().for_each(|monitor| shrink(&mut monitor.vcpus));
            entry.caches.sort_by_key(|cache| (cache.level, cache.kind, cache.id));
            check_caches(&entry.caches).within_nth("cachetune", at).within("cputune")?;
        }
        tune.cachetunes.retain(|entry| !entry.vcpus.is_empty());
        for (at, entry) in tune.memorytunes.iter_mut().enumerate() {
            shrink(&mut entry.vcpus);
            entry.monitors.iter_mut().for_each(|monitor| shrink(&mut monitor.vcpus));
            entry.nodes.sort_by_key(|node| node.id);
            if let Some(pair) = entry.nodes.windows(2).find(|pair| pair[0].id == pair[1].id) {
                let sentence = format!("Memory Bandwidth already defined for node {}", pair[0].id);
                let error = Error::new(ErrorCode::XML_ERROR, ErrorDomain::RESCTRL, sentence);
                let error = error.within(format_args!("node[@id='{}'][2]", pair[0].id));
                return Err(error.within_nth("memorytune", at).within("cputune"));
            }
        }
        tune.memorytunes.retain(|entry| !entry.vcpus.is_empty());
        let caches: Vec<&Bitmap> = tune.cachetunes.iter().map(|entry| &entry.vcpus).collect();
        check_groups(&caches, "Identical vcpus in cachetunes found", "Overlapping vcpus in cachetunes")
            .within("cputune/cachetune")?;
        let bandwidths: Vec<&Bitmap> = tune.memorytunes.iter().map(|entry| &entry.vcpus).collect();
        check_groups(&bandwidths, "Identical vcpus in memorytunes found", "Overlapping vcpus in memorytunes")
            .within("cputune/memorytune")?;
        for entry in &tune.cachetunes {
            let whole = !entry.caches.is_empty();
            check_monitors(&entry.vcpus, whole, entry.monitors.iter().map(|monitor| &monitor.vcpus))
                .within("cputune/cachetune/monitor")?;
        }
        for entry in &tune.memorytunes {
            let whole = !entry.nodes.is_empty();
            check_monitors(&entry.vcpus, whole, entry.monitors.iter().map(|monitor| &monitor.vcpus))
                .within("cputune/memorytune/monitor")?;
        }
        Ok(())
    }
}

/// Two parts for the same content of the same cache collide; "both" collides with either half.
fn check_caches(sorted: &[CacheAllocation]) -> Result<()> {
    for (at, cache) in sorted.iter().enumerate() {
        let same = |other: &&CacheAllocation| other.level == cache.level && other.id == cache.id;
        let mut others = sorted.iter().take(at).filter(same);
        if others.any(|other| other.kind == cache.kind || other.kind == CacheType::Both) {
            let (level, id, kind) = (cache.level, cache.id, cache.kind);
            return Err(Error::new(
                ErrorCode::XML_ERROR,
                ErrorDomain::RESCTRL,
                format!("Colliding cache allocations for cache level '{level}' id '{id}', type '{kind}'"),
            ));
        }
    }
    Ok(())
}

fn check_groups(groups: &[&Bitmap], identical: &str, overlapping: &str) -> Result<()> {
    for (at, group) in groups.iter().enumerate() {
        for other in groups.iter().take(at) {
            if group == other {
                return Err(refuse(identical));
            }
            if group.overlaps(other) {
                return Err(refuse(overlapping));
            }
        }
    }
    Ok(())
}

/// A monitor watches all of a group or processors that no other monitor of it watches.
fn check_monitors<'a>(
    group: &Bitmap,
    has_allocation: bool,
    monitors: impl Iterator<Item = &'a Bitmap>,
) -> Result<()> {
    let monitors: Vec<&Bitmap> = monitors.collect();
    for (at, monitor) in monitors.iter().enumerate() {
        if *monitor != group && has_allocation && monitor.iter().any(|vcpu| !group.contains(vcpu)) {
            return Err(invalid("Monitor vcpus conflicts with allocation"));
        }
        for other in monitors.iter().take(at) {
            if *monitor != group && *other != group && monitor.overlaps(other) {
                return Err(invalid("Monitor vcpus conflicts with monitors"));
            }
        }
    }
    Ok(())
}

//! Records that C frees with a function of their own.

use virt_util::Result;

use crate::parameters;
use crate::runtime::*;
use crate::types::*;

/// Frees the members of a record that are named, and then the record; NULL is nothing to do.
macro_rules! free_record {
    ($record:expr $(, $member:ident)*) => {{
        let record = $record;
        if !record.is_null() {
            $(memory::free((*record).$member);)*
            memory::free(record);
        }
    }};
}

pub(crate) unsafe fn virNetworkDHCPLeaseFree(lease: virNetworkDHCPLeasePtr) -> Result<()> {
    // SAFETY: a lease of ours, which C does not use any more.
    unsafe { free_record!(lease, iface, mac, iaid, ipaddr, hostname, clientid) };
    Ok(())
}

pub(crate) unsafe fn virDomainIOThreadInfoFree(info: virDomainIOThreadInfoPtr) -> Result<()> {
    // SAFETY: a record of ours, which C does not use any more.
    unsafe { free_record!(info, cpumap) };
    Ok(())
}

pub(crate) unsafe fn virDomainFSInfoFree(info: virDomainFSInfoPtr) -> Result<()> {
    // SAFETY: a record of ours, which C does not use any more, with as many aliases as it says.
    unsafe {
        if !info.is_null() && !(*info).devAlias.is_null() {
            for number in 0..(*info).ndevAlias {
                memory::free(*(*info).devAlias.add(number));
            }
        }
        free_record!(info, mountpoint, name, fstype, devAlias);
    }
    Ok(())
}

pub(crate) unsafe fn virDomainInterfaceFree(interface: virDomainInterfacePtr) -> Result<()> {
    // SAFETY: a record of ours, which C does not use any more, with as many addresses as it says.
    unsafe {
        if !interface.is_null() && !(*interface).addrs.is_null() {
            for number in 0..(*interface).naddrs as usize {
                memory::free((*(*interface).addrs.add(number)).addr);
            }
        }
        free_record!(interface, name, hwaddr, addrs);
    }
    Ok(())
}

pub(crate) unsafe fn virDomainStatsRecordListFree(records: *mut virDomainStatsRecordPtr) -> Result<()> {
    if records.is_null() {
        return Ok(());
    }
    // SAFETY: a list of ours, which C does not use any more and which ends with NULL.
    unsafe {
        let mut place = records;
        while !(*place).is_null() {
            let record = *place;
            parameters::free((*record).params, (*record).nparams);
            if let Some(domain) = Object::<kind::Domain>::of((*record).dom) {
                domain.release();
            }
            memory::free(record);
            place = place.add(1);
        }
        memory::free(records);
    }
    Ok(())
}

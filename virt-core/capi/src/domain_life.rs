//! Starting, stopping, pausing domains, and what goes on in them.

use std::ffi::{c_int, c_uint};
use std::os::fd::{FromRawFd as _, OwnedFd};

use virt_core::{
    DestroyDomain, DomainJob, JobKind, RebootDomain, ShutdownDomain, StartDomain, TypedValue, UndefineDomain,
};
use virt_util::{Error, ErrorDomain, Result};

use crate::domain::Domain as DomainObject;
use crate::events::argument;
use crate::parameters;
use crate::runtime::*;
use crate::types::*;

type Domain = Object<DomainObject>;

pub(crate) fn virDomainCreate(domain: &Domain) -> Result<()> {
    virDomainCreateWithFlags(domain, StartDomain::empty())
}

pub(crate) fn virDomainCreateWithFlags(domain: &Domain, flags: StartDomain) -> Result<()> {
    domain.domain.start(flags)?;
    // A guest that ended at once has no number, and was started all the same.
    domain.learn_id(domain.domain.id().unwrap_or_default());
    Ok(())
}

pub(crate) fn virDomainCreateXML(
    conn: &Object<kind::Connect>,
    xml: &str,
    flags: StartDomain,
) -> Result<Reference<DomainObject>> {
    Ok(DomainObject::new(conn, conn.connection.create_domain(xml, flags)?))
}

/// Copies of the application's descriptors, which it keeps.
///
/// # Safety
///
/// The array is as long as `count` says.
unsafe fn copies(files: *mut c_int, count: c_uint) -> Result<Vec<OwnedFd>> {
    let numbers = match count as usize {
        0 => &[],
        // SAFETY: the caller's promise.
        count if !files.is_null() => unsafe { std::slice::from_raw_parts(files, count) },
        _ => return Err(argument("files must not be NULL")),
    };
    let copy = |number: &c_int| {
        // SAFETY: a number that is no descriptor is an error of the call.
        let copy = unsafe { libc::fcntl(*number, libc::F_DUPFD_CLOEXEC, 3) };
        if copy < 0 {
            let error = std::io::Error::last_os_error();
            return Err(Error::system(
                ErrorDomain::DOMAIN,
                format!("cannot copy descriptor {number}"),
                error,
            ));
        }
        // SAFETY: the copy is nobody's.
        Ok(unsafe { OwnedFd::from_raw_fd(copy) })
    };
    numbers.iter().map(copy).collect()
}

pub(crate) unsafe fn virDomainCreateWithFiles(
    domain: &Domain,
    count: c_uint,
    files: *mut c_int,
    flags: StartDomain,
) -> Result<()> {
    // SAFETY: the application's array.
    domain.domain.start_with_files(unsafe { copies(files, count)? }, flags)?;
    domain.learn_id(domain.domain.id().unwrap_or_default());
    Ok(())
}

pub(crate) unsafe fn virDomainCreateXMLWithFiles(
    conn: &Object<kind::Connect>,
    xml: &str,
    count: c_uint,
    files: *mut c_int,
    flags: StartDomain,
) -> Result<Reference<DomainObject>> {
    // SAFETY: the application's array.
    let files = unsafe { copies(files, count)? };
    Ok(DomainObject::new(conn, conn.connection.create_domain_with_files(xml, files, flags)?))
}

pub(crate) fn virDomainCreateLinux(
    conn: &Object<kind::Connect>,
    xml: &str,
    flags: StartDomain,
) -> Result<Reference<DomainObject>> {
    virDomainCreateXML(conn, xml, flags)
}

pub(crate) fn virDomainShutdown(domain: &Domain) -> Result<()> {
    domain.domain.shutdown(ShutdownDomain::empty())
}

pub(crate) fn virDomainShutdownFlags(domain: &Domain, flags: ShutdownDomain) -> Result<()> {
    domain.domain.shutdown(flags)
}

pub(crate) fn virDomainReboot(domain: &Domain, flags: RebootDomain) -> Result<()> {
    domain.domain.reboot(flags)
}

pub(crate) fn virDomainReset(domain: &Domain, _: NoFlags) -> Result<()> {
    domain.domain.reset()
}

pub(crate) fn virDomainDestroy(domain: &Domain) -> Result<()> {
    domain.domain.destroy(DestroyDomain::empty())
}

pub(crate) fn virDomainDestroyFlags(domain: &Domain, flags: DestroyDomain) -> Result<()> {
    domain.domain.destroy(flags)
}

pub(crate) fn virDomainSuspend(domain: &Domain) -> Result<()> {
    domain.domain.suspend()
}

pub(crate) fn virDomainResume(domain: &Domain) -> Result<()> {
    domain.domain.resume()
}

pub(crate) fn virDomainUndefine(domain: &Domain) -> Result<()> {
    domain.domain.undefine(UndefineDomain::empty())
}

pub(crate) fn virDomainUndefineFlags(domain: &Domain, flags: UndefineDomain) -> Result<()> {
    domain.domain.undefine(flags)
}

pub(crate) fn virDomainGetAutostart(domain: &Domain, autostart: Out<c_int>) -> Result<()> {
    autostart.set(domain.domain.autostart()?.into());
    Ok(())
}

pub(crate) fn virDomainSetAutostart(domain: &Domain, autostart: bool) -> Result<()> {
    domain.domain.set_autostart(autostart)
}

pub(crate) fn virDomainHasManagedSaveImage(domain: &Domain, _: NoFlags) -> Result<bool> {
    Ok(domain.domain.summary()?.managed_save)
}

pub(crate) fn virDomainAbortJob(domain: &Domain) -> Result<()> {
    domain.domain.abort_job()
}

pub(crate) fn virDomainAbortJobFlags(domain: &Domain, _: NoFlags) -> Result<()> {
    domain.domain.abort_job()
}

pub(crate) fn virDomainGetJobInfo(domain: &Domain, info: Out<virDomainJobInfo>) -> Result<()> {
    let job = domain.domain.job(false)?;
    let amount = |name| amount(&job, name);
    info.set(virDomainJobInfo {
        r#type: job.kind.number(),
        timeElapsed: job.elapsed,
        timeRemaining: job.remaining.unwrap_or_default(),
        dataTotal: amount("data_total"),
        dataProcessed: amount("data_processed"),
        dataRemaining: amount("data_remaining"),
        memTotal: amount("memory_total"),
        memProcessed: amount("memory_processed"),
        memRemaining: amount("memory_remaining"),
        fileTotal: amount("disk_total"),
        fileProcessed: amount("disk_processed"),
        fileRemaining: amount("disk_remaining"),
    });
    Ok(())
}

fn amount(job: &DomainJob, name: &str) -> u64 {
    let found = job.parameters.iter().find(|parameter| parameter.field == name);
    match found.map(|parameter| &parameter.value) {
        Some(TypedValue::UnsignedLongLong(amount)) => *amount,
        _ => 0,
    }
}

pub(crate) fn virDomainGetJobStats(
    domain: &Domain,
    kind: Out<c_int>,
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
    flags: c_uint,
) -> Result<()> {
    let job = domain.domain.job(flags & VIR_DOMAIN_JOB_STATS_COMPLETED.cast_unsigned() != 0)?;
    kind.set(job.kind.number());
    let mut known = Vec::new();
    if job.kind != JobKind::None {
        known.push(virt_core::TypedParameter::new("operation", job.operation.number()));
        known.push(virt_core::TypedParameter::new("time_elapsed", job.elapsed));
        known.extend(job.remaining.map(|time| virt_core::TypedParameter::new("time_remaining", time)));
    }
    known.extend(job.parameters);
    parameters::give(&known, params, count)
}

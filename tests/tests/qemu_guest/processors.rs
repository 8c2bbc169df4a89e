//! vCPUs that are plugged into a running guest, and taken out again.

use std::io::Write;

use virt_core::{DestroyDomain, OpenConsole, StartDomain, Stream, VcpuFlags};
use virt_tests::skip;

use crate::lab::{Lab, PATIENCE, SERIAL, read_until};

/// What a guest's kernel does on real hardware when a vCPU is to go. Under emulation Linux knows of no CPU but those
/// that it booted with, so a program in the guest lets go of it: selects the vCPU in the machine's registers, and says
/// that it is unused.
fn let_go(console: &mut Stream, vcpu: u32) {
    let command = format!(
        "(sleep 1; printf '\\00{vcpu}' | dd of=/dev/port bs=1 seek=3288; printf '\\010' | dd of=/dev/port bs=1 seek=3292) &\n"
    );
    console.write_all(command.as_bytes()).expect("sent");
}

/// Starts the guest and waits until its shell listens.
fn boot(lab: &Lab, sign: &str) -> Stream {
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let console = lab.domain.open_console(None, OpenConsole::empty()).expect("opened");
    let mut console = console.with_timeout(PATIENCE);
    lab.domain.resume().expect("resumed");
    read_until(&mut console, sign);
    read_until(&mut console, "tiny# ");
    console
}

#[test]
fn a_vcpu_comes_and_goes() {
    let lab = match Lab::booting_with("<vcpu current='1'>2</vcpu>", "", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let domain = &lab.domain;
    let mut console = boot(&lab, "1 CPU,");
    domain.set_vcpus(2, VcpuFlags::LIVE).expect("plugged");
    assert_eq!(domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    // A guest that keeps it.
    let error = domain.set_vcpus(1, VcpuFlags::LIVE).expect_err("kept");
    assert_eq!(
        error.to_string(),
        "Timed out during operation: vcpu unplug request timed out. Unplug result must be manually inspected in the domain"
    );
    assert_eq!(domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    let_go(&mut console, 1);
    domain.set_vcpus(1, VcpuFlags::LIVE).expect("taken out");
    assert_eq!(domain.vcpus(VcpuFlags::LIVE).expect("known"), 1);
    domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn a_guest_is_born_with_vcpus_that_can_go() {
    let vcpus = "<vcpu current='2'>3</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/>\
                 <vcpu id='1' enabled='no' hotpluggable='yes'/><vcpu id='2' enabled='yes' hotpluggable='yes'/></vcpus>";
    let lab = match Lab::booting_with(vcpus, "", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    // One of them was plugged in before the guest ran an instruction.
    drop(boot(&lab, "2 CPU,"));
    assert_eq!(lab.domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

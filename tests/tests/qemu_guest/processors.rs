//! vCPUs that are plugged into a running guest, and taken out again.

use virt_core::{DestroyDomain, VcpuFlags};
use virt_tests::skip;

use crate::lab::{Lab, SERIAL, Shell};

/// What a guest's kernel does on real hardware when a vCPU is to go. Under emulation Linux knows of no CPU but those
/// that it booted with, so a program in the guest lets go of it: selects the vCPU in the machine's registers, and says
/// that it is unused.
fn let_go(guest: &mut Shell, vcpu: u32) {
    let select = format!("printf '\\00{vcpu}' | dd of=/dev/port bs=1 seek=3288");
    guest.run(&format!("{{ (sleep 1; {select}; printf '\\010' | dd of=/dev/port bs=1 seek=3292) & }}"));
}

/// How many processors the guest's kernel runs.
fn count(guest: &mut Shell) -> u32 {
    let seen = guest.run("nproc");
    seen.lines().find_map(|line| line.trim().parse().ok()).unwrap_or_else(|| panic!("no number in {seen}"))
}

#[test]
fn a_vcpu_comes_and_goes() {
    let lab = match Lab::booting_with("<vcpu current='1'>2</vcpu>", "", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let domain = &lab.domain;
    let mut guest = Shell::boot(domain);
    assert_eq!(count(&mut guest), 1);
    domain.set_vcpus(2, VcpuFlags::LIVE).expect("plugged");
    assert_eq!(domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    // A guest that keeps it.
    let error = domain.set_vcpus(1, VcpuFlags::LIVE).expect_err("kept");
    assert_eq!(
        error.to_string(),
        "Timed out during operation: vcpu unplug request timed out. Unplug result must be manually inspected in the domain"
    );
    assert_eq!(domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    let_go(&mut guest, 1);
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
    let mut guest = Shell::boot(&lab.domain);
    assert_eq!(count(&mut guest), 2);
    drop(guest);
    assert_eq!(lab.domain.vcpus(VcpuFlags::LIVE).expect("known"), 2);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

//! Command lines of QEMU: a domain document and a binary's capabilities in, what libvirt would run out.

use anyhow::Result;
use virt_conf::model::Domain;
use virt_conf::model::storage_volume::VolumeKind;
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_driver_qemu::caps::Capabilities;
use virt_driver_qemu::command::{FoundVolume, command_line, prepare, with_volumes};
use virt_driver_qemu::hooks::QemuHooks;

use super::qemu::{FirstFree, audio, capabilities, firmwares, iommu_group, with_launch};
use super::{Case, Expected, Kind, Outcome, equal_text};

/// `qemu-argv`
pub(super) struct QemuArgv;

impl Kind for QemuArgv {
    fn name(&self) -> &'static str {
        "qemu-argv"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let built = build(case, &input)?;
        Ok(match (case.expectation, built) {
            ("output", Ok(text)) => equal_text(&input, &case.expected_text()?, &text),
            ("output", Err(error)) => Outcome::Failed(format!("refused: {error:#}\n")),
            ("error", Ok(_)) => Outcome::Failed("accepted, libvirt refuses it\n".to_owned()),
            ("error", Err(error)) => {
                let wanted = match case.expected() {
                    Expected::File(_) => case.expected_text()?.trim_end().to_owned(),
                    _ => return Ok(Outcome::Passed),
                };
                if error.message() == wanted {
                    Outcome::Passed
                } else {
                    Outcome::Failed(format!("-{wanted}\n+{error:#}\n"))
                }
            }
            _ => Outcome::Skipped("nothing runs this expectation yet"),
        })
    }
}

/// Reads a document as libvirt's driver of QEMU does.
pub(super) fn parse(case: &Case<'_>, input: &str) -> Result<virt_util::Result<Domain>> {
    read(case, input, &capabilities(case)?)
}

fn read(case: &Case<'_>, input: &str, caps: &Capabilities) -> Result<virt_util::Result<Domain>> {
    let mut flags = if case.params.is("parse", "live") { ParseFlags::empty() } else { ParseFlags::INACTIVE };
    if case.params.is("abi_update", "1") {
        flags |= ParseFlags::ABI_UPDATE;
    }
    let firmwares = firmwares(case)?;
    let audio = audio(case);
    let hooks = QemuHooks::new(caps)
        .with_audio(&audio)
        .with_firmware(&firmwares, "/var/lib/libvirt/qemu/nvram")
        .with_iommu_groups(iommu_group);
    Ok(Domain::from_xml(input, &ParseOptions::from(flags), &hooks))
}

fn build(case: &Case<'_>, input: &str) -> Result<virt_util::Result<String>> {
    let caps = capabilities(case)?;
    let line = read(case, input, &caps)?.and_then(|mut domain| {
        with_launch(case, &domain.clone(), |launch| {
            prepare(
                &mut domain,
                &caps,
                launch.host,
                &launch.paths,
                launch.settings,
                &launch.origin,
                &mut FirstFree,
            )?;
            command_line(&with_volumes(&domain, volume)?, &caps, launch)
        })
    });
    Ok(line.map(|line| line.to_shell()))
}

/// The volumes that libvirt's test makes up: `block+cdrom` is a block device, what has no `+` is one too.
fn volume(pool: &str, name: &str) -> virt_util::Result<FoundVolume> {
    let (kind, name) = name.split_once('+').unwrap_or(("block", name));
    let text = match pool {
        "pool-disk" => {
            "<pool type='disk'><name>p</name><source><device path='/dev/sdb'/></source>\
             <target><path>/dev</path></target></pool>"
        }
        _ => {
            "<pool type='iscsi'><name>p</name><source><host name='iscsi.example.com'/>\
             <device path='demo-target'/></source><target><path>/dev/disk/by-path</path></target></pool>"
        }
    };
    let kind = match kind {
        "dir" => VolumeKind::Dir,
        "file" => VolumeKind::File,
        _ => VolumeKind::Block,
    };
    let place = if kind == VolumeKind::Dir { "dir" } else { "block" };
    Ok(FoundVolume { pool: text.parse()?, kind, path: format!("/some/{place}/device/{name}") })
}

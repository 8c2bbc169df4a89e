//! SCSI hosts, targets and logical units.

use virt_conf::model::nodedev::{
    FibreChannelHost, FibreChannelRemotePort, ScsiCapability, ScsiHostCapability, ScsiHostSubCapability,
    ScsiTargetCapability, ScsiTargetSubCapability, VirtualPorts,
};

use crate::host::{Host, above, last};
use crate::vport;

/// Describes the SCSI host at a path.
pub(super) fn host(host: &Host, path: &str) -> Option<ScsiHostCapability> {
    let name = last(path);
    let unique_id = host.number(&format!("class/scsi_host/{name}/unique_id"));
    let mut capabilities = Vec::new();
    let channel = format!("class/fc_host/{name}");
    if host.exists(&channel) {
        let name = |attribute: &str| vport::wwn(host, &format!("{channel}/{attribute}"));
        capabilities.push(ScsiHostSubCapability::FcHost(FibreChannelHost {
            wwnn: name("node_name"),
            wwpn: name("port_name"),
            fabric_wwn: name("fabric_name"),
        }));
    }
    if let Some(directory) = vport::directory(host, name) {
        let number = |attribute: &str| {
            let number = host.number(&format!("{directory}/{attribute}"));
            number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
        };
        let ports = VirtualPorts { maximum: number("max_npiv_vports"), count: number("npiv_vports_inuse") };
        capabilities.push(ScsiHostSubCapability::VportOps(ports));
    }
    Some(ScsiHostCapability {
        host: Some(name.strip_prefix("host")?.parse().ok()?),
        unique_id: unique_id.and_then(|id| u32::try_from(id).ok()),
        capabilities,
    })
}

/// Describes the target at a path.
pub(super) fn target(host: &Host, path: &str) -> ScsiTargetCapability {
    // A target of Fibre Channel is below the other end of its link: `rport-1:0-2/target1:0:0`.
    let rport = last(above(path));
    let remote_port = rport.starts_with("rport-").then(|| {
        let wwpn = vport::wwn(host, &format!("class/fc_remote_ports/{rport}/port_name"));
        let port = FibreChannelRemotePort { rport: rport.to_owned(), wwpn: wwpn.unwrap_or_default() };
        ScsiTargetSubCapability::FcRemotePort(port)
    });
    ScsiTargetCapability { target: last(path).to_owned(), remote_port }
}

/// Describes the logical unit at a path.
pub(super) fn unit(host: &Host, path: &str) -> Option<ScsiCapability> {
    let mut numbers = last(path).split(':').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(ScsiCapability {
        host: next()?,
        bus: next()?,
        target: next()?,
        lun: next()?,
        kind: host.number(&format!("{path}/type")).and_then(kind).map(str::to_owned),
    })
}

/// Types of peripheral devices (`scsi/scsi_proto.h`).
pub(super) fn kind(number: i64) -> Option<&'static str> {
    Some(match number {
        0x00 => "disk",
        0x01 => "tape",
        0x02 => "printer",
        0x03 => "processor",
        0x04 => "worm",
        0x05 => "cdrom",
        0x06 => "scanner",
        0x07 => "mod",
        0x08 => "changer",
        0x0c => "raid",
        _ => return None,
    })
}

//! Throttle groups: limits that several disks share.

use serde_json::{Map, Value};
use virt_conf::model::IoTune;

use super::Props;
use super::builder::Builder;

impl Builder<'_, '_> {
    /// `-object throttle-group` of every group, whether or not a disk is in it.
    pub(crate) fn throttle_groups(&mut self) {
        let domain = self.domain;
        for group in &domain.throttlegroups.groups {
            let name = group.limits.group_name.as_deref().unwrap_or_default();
            let mut props = Props::object("throttle-group", &format!("throttle-{name}"));
            props.set("limits", Value::Object(limits(&group.limits)));
            self.object(&props);
        }
    }
}

fn limits(tune: &IoTune) -> Map<String, Value> {
    let always = [
        ("bps-total", tune.total_bytes_sec),
        ("bps-read", tune.read_bytes_sec),
        ("bps-write", tune.write_bytes_sec),
        ("iops-total", tune.total_iops_sec),
        ("iops-read", tune.read_iops_sec),
        ("iops-write", tune.write_iops_sec),
        ("bps-total-max", tune.total_bytes_sec_max),
        ("bps-read-max", tune.read_bytes_sec_max),
        ("bps-write-max", tune.write_bytes_sec_max),
        ("iops-total-max", tune.total_iops_sec_max),
        ("iops-read-max", tune.read_iops_sec_max),
        ("iops-write-max", tune.write_iops_sec_max),
        ("iops-size", tune.size_iops_sec),
    ];
    // A burst lasts a second where nothing is said.
    let lengths = [
        ("bps-total-max-length", tune.total_bytes_sec_max_length),
        ("bps-read-max-length", tune.read_bytes_sec_max_length),
        ("bps-write-max-length", tune.write_bytes_sec_max_length),
        ("iops-total-max-length", tune.total_iops_sec_max_length),
        ("iops-read-max-length", tune.read_iops_sec_max_length),
        ("iops-write-max-length", tune.write_iops_sec_max_length),
    ];
    let given = lengths.into_iter().filter(|(_, length)| *length != 0);
    always.into_iter().chain(given).map(|(key, value)| (key.to_owned(), value.into())).collect()
}

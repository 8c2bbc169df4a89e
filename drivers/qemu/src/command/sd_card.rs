//! Secure Digital cards: the last disks that take `-drive`.

use virt_conf::model::Disk;
use virt_util::Result;

use super::blockdev::StorageObjects;
use super::builder::{Builder, switch};
use super::image::{Image, has_medium};
use super::{Props, on_off};

impl Builder<'_, '_> {
    /// Adds the card at `position` among the disks.
    pub(crate) fn sd_card(&mut self, disk: &Disk, position: usize) -> Result<()> {
        let mut parts = Vec::new();
        if has_medium(&disk.source) {
            let image = Image::new(&disk.source, disk.driver.format, String::new());
            let protocol = self.protocol_props(&image, &StorageObjects::default())?;
            match image.source.path() {
                Some(path) => parts.push(format!("file={}", super::escape_commas(path))),
                None => parts.push(Props::new().nested("file", protocol).to_options(None)),
            }
            parts.push(format!("format={}", image.format.as_str()));
        }
        parts.push("if=sd".to_owned());
        let index = disk.target.dev.as_deref().and_then(super::disk_index);
        parts.push(format!("index={}", index.unwrap_or(position as u32)));
        if disk.readonly {
            parts.push("readonly=on".to_owned());
        }
        if let Some(copy) = switch(disk.driver.copy_on_read) {
            parts.push(format!("copy-on-read={}", on_off(copy)));
        }
        self.line.option("-drive", parts.join(","));
        Ok(())
    }
}

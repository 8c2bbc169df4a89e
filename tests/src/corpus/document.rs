//! Documents that are one model and need no driver: read, written, refused as libvirt does.

use anyhow::Result;
use virt_conf::model;
use virt_conf::model::nodedev::{NodeDeviceCapability, StorageCapability, StorageSubCapability};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions};

use super::domain::{refusal, same_meaning};
use super::{Case, Expected, Kind, Outcome, equal_text, lost_xml};

/// What the cases of one kind of document have in common.
pub(super) trait Document: Sized {
    /// Reads it, as libvirt would by itself.
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self>;

    /// Writes it as the case asks.
    fn write(self, case: &Case<'_>) -> String;

    /// Runs a case of this kind.
    fn run(case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let mut flags = ParseFlags::empty();
        if case.params.value("mode").is_some() || case.expectation == "semantic" {
            flags |= ParseFlags::INACTIVE;
        }
        if case.params.is("internal", "1") {
            flags |= ParseFlags::STATUS;
        }
        if case.params.is("flags", "VIR_VOL_XML_PARSE_NO_CAPACITY") {
            flags |= ParseFlags::NO_CAPACITY;
        }
        let strict = matches!(case.expectation, "schema-valid" | "schema-invalid");
        let read = Self::read(&input, &ParseOptions { strict, ..ParseOptions::from(flags) });
        match (case.expectation, read) {
            ("parse-error" | "semantic", read) if case.params.is("oracle", "refused") => {
                refusal(case, read.map(drop))
            }
            ("parse-error" | "schema-invalid", read) => refusal(case, read.map(drop)),
            (_, Err(error)) => Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
            ("roundtrip" | "output", Ok(document)) => {
                Ok(equal_text(&input, &case.expected_text()?, &document.write(case)))
            }
            ("semantic", Ok(document)) if case.expected() == Expected::Same => {
                let ours = document.write(case);
                let again = Self::read(&ours, &ParseOptions::from(flags))?.write(case);
                Ok(match lost_xml(&input, &ours)? {
                    Some(difference) => Outcome::Failed(format!("{difference}\n")),
                    None => equal_text(&input, &ours, &again),
                })
            }
            ("semantic", Ok(document)) => same_meaning(case, &input, &document.write(case)),
            ("schema-valid", Ok(_)) => Ok(Outcome::Passed),
            _ => Ok(Outcome::Skipped("nothing runs this expectation yet")),
        }
    }
}

macro_rules! kinds {
    ($($kind:ident $name:literal;)*) => {$(
        #[doc = concat!("`", $name, "`")]
        pub(super) struct $kind;

        impl Kind for $kind {
            fn name(&self) -> &'static str {
                $name
            }

            fn run(&self, case: &Case<'_>) -> Result<Outcome> {
                <model::$kind as Document>::run(case)
            }
        }
    )*};
}

kinds! {
    CpuDocument "cpu";
    StoragePoolCapabilities "storagepoolcaps";
    DomainBackup "domainbackup";
    HostInterface "interface";
    Network "network";
    NetworkPort "networkport";
    NodeDevice "nodedev";
    NwFilter "nwfilter";
    NwFilterBinding "nwfilterbinding";
    Secret "secret";
    StoragePool "storagepool";
    StorageVolume "storagevol";
}

impl Document for model::DomainBackup {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        // libvirt's own test puts the backup beside a guest with these disks.
        if case.params.value("align").is_some() {
            let names = self.disks.iter().flat_map(|disks| &disks.list).map(|disk| disk.name.clone());
            let guest: Vec<_> = names.chain(["vdextradisk".to_owned()]).filter_map(fake_disk).collect();
            self.align(&guest, "SUFFIX");
        }
        let status = if case.params.is("internal", "1") { FormatFlags::STATUS } else { FormatFlags::empty() };
        self.to_xml(&FormatOptions::from(status))
    }
}

impl Document for model::HostInterface {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(self, _: &Case<'_>) -> String {
        self.to_string()
    }
}

fn fake_disk(name: String) -> Option<model::Disk> {
    let text = format!("<disk type='file'><source file='/fake/{name}.qcow2'/><target dev='{name}'/></disk>");
    virt_conf::xml::from_str(&text, &ParseOptions::default()).ok()
}

impl Document for model::Network {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        // Without a network driver libvirt knows no namespace.
        if case.origin.starts_with("oracle") || case.expectation == "semantic" {
            self.dnsmasq = model::DnsmasqNamespace::default();
        }
        self.to_string()
    }
}

impl Document for model::NetworkPort {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(self, _: &Case<'_>) -> String {
        self.to_xml(&FormatOptions::default())
    }
}

impl Document for model::NwFilter {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(self, _: &Case<'_>) -> String {
        self.to_string()
    }
}

impl Document for model::NwFilterBinding {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(self, _: &Case<'_>) -> String {
        self.to_xml(&FormatOptions::default())
    }
}

impl Document for model::NodeDevice {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        if case.params.is("flags", "INACTIVE") {
            return self.to_xml(&FormatOptions::INACTIVE);
        }
        // libvirt's own test fills in what no document decides: what would run if the definition were started, and the
        // blocks that a disk of this size has.
        if case.origin == "nodedevxml2xmltest" {
            for capability in &mut self.capabilities {
                match capability {
                    NodeDeviceCapability::Mdev(device) => device.activate(),
                    NodeDeviceCapability::Storage(storage) => with_blocks(storage),
                    _ => {}
                }
            }
        }
        self.to_string()
    }
}

impl Document for model::Secret {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(self, _: &Case<'_>) -> String {
        self.to_string()
    }
}

impl Document for model::StoragePool {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        // Without a storage driver libvirt knows no namespace.
        if case.origin.starts_with("oracle") {
            self.mount_options = model::storage_pool::MountOptions::default();
            self.ceph_options = model::storage_pool::CephOptions::default();
        }
        self.to_string()
    }
}

impl Document for model::StorageVolume {
    fn read(text: &str, options: &ParseOptions) -> virt_util::Result<Self> {
        Self::from_xml(text, options)
    }

    fn write(mut self, case: &Case<'_>) -> String {
        let pool = case.aux().first().and_then(|path| std::fs::read_to_string(path).ok());
        if let Some(Ok(pool)) = pool.map(|text| text.parse::<model::StoragePool>())
            && let Err(error) = self.settle_in(&pool.kind)
        {
            return error.to_string();
        }
        self.to_string()
    }
}

fn with_blocks(storage: &mut StorageCapability) {
    let blocks = |size: u64, block: u64| (Some(block), Some(size / block));
    for capability in &mut storage.capabilities {
        if let StorageSubCapability::Removable(medium) = capability {
            if medium.available.0 {
                (medium.logical_block_size, medium.blocks) = blocks(medium.size, 2048);
            }
            return;
        }
    }
    (storage.logical_block_size, storage.blocks) = blocks(storage.size.unwrap_or_default(), 512);
}

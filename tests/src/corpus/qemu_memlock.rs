//! How much memory the process of a QEMU guest may lock.

use anyhow::{Context, Result};
use virt_conf::model::Domain;
use virt_conf::xml::ParseOptions;
use virt_driver_qemu::command::lockable_memory;
use virt_driver_qemu::hooks::QemuHooks;

use super::qemu::{iommu_group, latest};
use super::{Case, Kind, Outcome};

/// `qemu-memlock`
pub(super) struct QemuMemlock;

/// libvirt's number for no limit.
const UNLIMITED: &str = "VIR_DOMAIN_MEMORY_PARAM_UNLIMITED";

impl Kind for QemuMemlock {
    fn name(&self) -> &'static str {
        "qemu-memlock"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let wanted = case.params.value("result").context("the case names no result")?;
        // The document says whose capabilities are meant.
        let document = roxmltree::Document::parse(&input)?;
        let arch = document
            .descendants()
            .find(|node| node.has_tag_name("type"))
            .and_then(|node| node.attribute("arch"))
            .context("the document names no architecture")?;
        let caps = latest(case, arch)?;
        let hooks = QemuHooks::new(&caps).with_iommu_groups(iommu_group);
        let domain = match Domain::from_xml(&input, &ParseOptions::inactive(), &hooks) {
            Ok(domain) => domain,
            Err(error) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
        };
        let found = match lockable_memory(&domain) {
            None => "0".to_owned(),
            Some(u64::MAX) => UNLIMITED.to_owned(),
            Some(bytes) => bytes.to_string(),
        };
        Ok(if found == wanted { Outcome::Passed } else { Outcome::Failed(format!("-{wanted}\n+{found}\n")) })
    }
}

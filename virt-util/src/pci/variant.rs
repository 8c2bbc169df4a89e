//! Drivers that hand over devices of one kind, and know more of them than `vfio-pci` does.

use std::path::{Path, PathBuf};

use super::{Pci, PciDevice, VFIO};
use crate::{Error, ErrorDomain, Result};

/// What aliases of such drivers begin with; those of the host's own drivers begin with `pci:`.
const PREFIX: &str = "vfio_pci:";

impl PciDevice {
    /// The driver that hands this very device over: the module whose alias says most about it, or [`VFIO`], which takes any.
    /// Nothing is loaded. The name is the module's: [`Pci::driver_name`] knows the driver's own once it is loaded.
    ///
    /// # Errors
    ///
    /// When the device cannot be read.
    pub fn variant_driver(&self) -> Result<String> {
        let Some(alias) = self.sysfs.read(self.attribute("modalias"))? else { return Ok(VFIO.to_owned()) };
        let Some(what) = alias.strip_prefix("pci:") else { return Ok(VFIO.to_owned()) };
        let found = modules_alias().and_then(|list| std::fs::read_to_string(list).ok());
        let best = found.and_then(|list| best(&list, &format!("{PREFIX}{what}")));
        Ok(best.map_or_else(
            || VFIO.to_owned(),
            |module| if module == "vfio_pci" { VFIO.to_owned() } else { module },
        ))
    }
}

impl Pci {
    /// The name under which a driver is bound, where `name` may be its module's.
    ///
    /// # Errors
    ///
    /// When sysfs cannot be read.
    pub fn driver_name(&self, name: &str) -> Result<String> {
        if self.has_driver(name) || name.contains('/') {
            return Ok(name.to_owned());
        }
        let drivers = self.sysfs.names(format!("module/{name}/drivers"))?;
        let own = drivers.iter().find_map(|driver| driver.strip_prefix("pci:"));
        Ok(own.unwrap_or(name).to_owned())
    }
}

/// The list of the running kernel's modules and what they are for.
fn modules_alias() -> Option<PathBuf> {
    let release = nix::sys::utsname::uname()
        .map_err(|errno| Error::system(ErrorDomain::NONE, "cannot ask which kernel runs", errno))
        .inspect_err(|error| log::debug!("{error}"))
        .ok()?;
    Some(Path::new("/lib/modules").join(release.release()).join("modules.alias"))
}

/// The module in a list whose alias fits, with the fewest characters that stand for anything.
fn best(list: &str, wanted: &str) -> Option<String> {
    let fitting = list.lines().filter_map(|line| {
        let mut words = line.strip_prefix("alias ")?.split_ascii_whitespace();
        let (pattern, module) = (words.next()?, words.next()?);
        (pattern.starts_with(PREFIX) && fits(pattern.as_bytes(), wanted.as_bytes()))
            .then(|| (pattern.matches('*').count(), module))
    });
    fitting.min_by_key(|(wild, _)| *wild).map(|(_, module)| module.to_owned())
}

/// Whether a pattern fits, in which `*` stands for any characters.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut to) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while to < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, to));
            at += 1;
        } else if pattern.get(at) == text.get(to) {
            (at, to) = (at + 1, to + 1);
        } else if let Some((place, taken)) = star {
            star = Some((place, taken + 1));
            (at, to) = (place + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# Aliases extracted from modules themselves.
alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* other_vfio_pci
";

    #[test]
    fn the_module_that_says_most_of_a_device_is_chosen() {
        let of = |what: &str| best(LIST, &format!("vfio_pci:{what}"));
        let connectx = "v000015B3d0000101Esv000015B3sd00000058bc02sc00i00";
        assert_eq!(of(connectx).as_deref(), Some("mlx5_vfio_pci"));
        assert_eq!(of("v000015B3d00001019sv0sd0bc02sc00i00").as_deref(), Some("other_vfio_pci"));
        assert_eq!(of("v00008086d000010CAsv0sd0bc02sc00i00").as_deref(), Some("vfio_pci"));
        assert_eq!(best("alias pci:v* x\n", "vfio_pci:v1"), None);
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, fit) in [
            ("a*c", "abbc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*b*b", "abab", true),
            ("*b*b", "aba", false),
            ("", "", true),
            ("", "a", false),
            ("a**", "a", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn a_driver_may_be_called_otherwise_than_its_module() {
        let scratch = tempfile::tempdir().unwrap();
        let drivers = scratch.path().join("module/hisi_acc_vfio_pci/drivers/pci:hisi-acc-vfio-pci");
        std::fs::create_dir_all(drivers).unwrap();
        std::fs::create_dir_all(scratch.path().join("bus/pci/drivers/vfio-pci")).unwrap();
        let pci = Pci::at(crate::sysfs::Sysfs::at(scratch.path()));
        assert_eq!(pci.driver_name("hisi_acc_vfio_pci").unwrap(), "hisi-acc-vfio-pci");
        assert_eq!(pci.driver_name("vfio-pci").unwrap(), "vfio-pci");
        assert_eq!(pci.driver_name("unknown").unwrap(), "unknown");
    }
}

//! Defaults that need no hypervisor: the domain's own.

mod memory;
mod threads;

use uuid::Uuid;

use super::{DomainHooks, Features};
use crate::error::{plain, refuse, unsupported};
use crate::model::{Boot, BootDevice, Domain, DomainType, LifecycleAction, LoaderType, OsBoot};
use crate::xml::{ErrorCode, ErrorDomain, ParseOptions, Result};

/// Kinds of guests, as `<os>` names them.
const OS_TYPES: [&str; 6] = ["hvm", "xen", "linux", "exe", "uml", "xenpvh"];

/// Architectures, as libvirt names them.
const ARCHITECTURES: [&str; 36] = [
    "alpha",
    "armv6l",
    "armv7l",
    "armv7b",
    "aarch64",
    "cris",
    "i686",
    "ia64",
    "lm32",
    "loongarch64",
    "m68k",
    "microblaze",
    "microblazeel",
    "mips",
    "mipsel",
    "mips64",
    "mips64el",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppcemb",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "unicore32",
    "x86_64",
    "xtensa",
    "xtensaeb",
];

impl Domain {
    /// Fills in what libvirt fills in for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// When the definition cannot be completed.
    pub fn post_parse(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.fill_in_identity(hooks)?;
        self.fill_in_os(hooks)?;
        self.fill_in_lifecycle();
        self.fill_in_threads(hooks)?;
        self.fill_in_hugepages();
        self.fill_in_numatune()?;
        self.check_sysinfo()?;
        self.check_seclabels()?;
        hooks.domain_post_parse_basic(self, options)?;
        hooks.domain_post_parse(self, options)?;
        self.fill_in_boot_order()?;
        self.post_parse_devices(options, hooks)?;
        self.check_init()?;
        self.fill_in_memory(options)?;
        hooks.assign_addresses(self, options)
    }

    fn fill_in_identity(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        if self.name.is_empty() {
            return Err(crate::xml::Error::bare(ErrorCode::NO_NAME, ErrorDomain::DOMAIN));
        }
        if self.name.contains('/') && !hooks.features().contains(Features::NAME_SLASH) {
            return Err(refuse(format!("name {} cannot contain '/'", self.name)));
        }
        if self.title.as_deref().is_some_and(|title| title.contains('\n')) {
            return Err(refuse("Domain title can't contain newlines"));
        }
        self.uuid.get_or_insert_with(Uuid::new_v4);
        if let Some(generation) = &mut self.genid {
            generation.id.get_or_insert_with(Uuid::new_v4);
        }
        Ok(())
    }

    fn fill_in_os(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        let kind = &mut self.os.kind;
        if kind.name.is_empty() {
            if self.bootloader.is_none() {
                return Err(refuse("an os <type> must be specified"));
            }
            "xen".clone_into(&mut kind.name);
        }
        if !OS_TYPES.contains(&kind.name.as_str()) {
            return Err(unsupported(format!("unknown OS type '{}'", kind.name)));
        }
        if let Some(arch) = kind.arch.as_deref().filter(|arch| !ARCHITECTURES.contains(arch)) {
            return Err(unsupported(format!("Unknown architecture {arch}")));
        }
        // What Xen calls paravirtualized has always been written as "linux".
        if self.kind == DomainType::Xen && kind.name == "xen" {
            "linux".clone_into(&mut kind.name);
        }
        kind.arch.get_or_insert_with(|| hooks.host_arch().to_owned());
        // Code and variables have one format.
        if let Some(format) = self.os.nvram.as_ref().and_then(|nvram| nvram.format) {
            self.os.loader.get_or_insert_default().format.get_or_insert(format);
        }
        if let Some(loader) = &mut self.os.loader
            && !loader.path.is_empty()
        {
            loader.kind.get_or_insert(LoaderType::Rom);
        }
        Ok(())
    }

    fn fill_in_lifecycle(&mut self) {
        self.on_poweroff.get_or_insert(LifecycleAction::Destroy);
        self.on_reboot.get_or_insert(LifecycleAction::Restart);
        self.on_crash.get_or_insert(LifecycleAction::Destroy);
    }

    fn check_init(&self) -> Result<()> {
        if self.os.kind.name == "exe" && self.os.init.is_none() {
            return Err(refuse("init binary must be specified"));
        }
        Ok(())
    }

    /// A guest that names nothing to boot from boots from its disk.
    fn fill_in_boot_order(&mut self) -> Result<()> {
        if self.os.kind.name != "hvm" || self.bootloader.is_some() {
            return Ok(());
        }
        let mut orders: Vec<u32> = self.boots().map(|boot| boot.order).collect();
        orders.sort_unstable();
        if let Some(pair) = orders.windows(2).find(|pair| pair.first() == pair.last()) {
            let order = pair.first().copied().unwrap_or_default();
            return Err(unsupported(format!("boot order '{order}' used for more than one device")));
        }
        match (self.os.boots.is_empty(), orders.is_empty()) {
            (false, false) => {
                Err(unsupported("per-device boot elements cannot be used together with os/boot elements"))
            }
            (true, true) => {
                self.os.boots.push(OsBoot { dev: BootDevice::Hd });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The places in the boot order that devices ask for.
    fn boots(&self) -> impl Iterator<Item = &Boot> {
        let devices = &self.devices;
        let disks = devices.disks.iter().map(|disk| &disk.info);
        let filesystems = devices.filesystems.iter().map(|filesystem| &filesystem.info);
        let interfaces = devices.interfaces.iter().map(|interface| &interface.info);
        let hostdevs = devices.hostdevs.iter().map(|hostdev| &hostdev.info);
        let redirected = devices.redirected.iter().map(|device| &device.info);
        disks
            .chain(filesystems)
            .chain(interfaces)
            .chain(hostdevs)
            .chain(redirected)
            .filter_map(|info| info.boot.as_ref())
    }

    fn check_sysinfo(&mut self) -> Result<()> {
        let Some(uuid) = self.uuid else { return Ok(()) };
        for sysinfo in &mut self.sysinfos {
            let crate::model::Sysinfo::Smbios(tables) = sysinfo else { continue };
            let Some(text) = &tables.system.uuid else { continue };
            let given = text.parse::<Uuid>();
            match given {
                Err(_) => return Err(plain("malformed <sysinfo> uuid element")),
                Ok(given) if given != uuid => {
                    return Err(plain("UUID mismatch between <uuid> and <sysinfo>"));
                }
                // Although the guest may have read the UUID in any spelling, it is told in one.
                Ok(given) => tables.system.uuid = Some(given.hyphenated().to_string()),
            }
        }
        Ok(())
    }

    fn check_seclabels(&mut self) -> Result<()> {
        // Without a type it says no more than no label at all.
        self.seclabels.retain(|label| label.kind.is_some());
        for (at, label) in self.seclabels.iter().enumerate() {
            let earlier = self.seclabels.iter().take(at).any(|other| other.model == label.model);
            if let Some(model) = label.model.as_deref().filter(|_| earlier) {
                return Err(plain(format!("seclabel for model {model} is already provided")));
            }
        }
        if self.seclabels.len() > 1 && self.seclabels.iter().any(|label| label.model.is_none()) {
            return Err(refuse("missing security model when using multiple labels"));
        }
        Ok(())
    }
}

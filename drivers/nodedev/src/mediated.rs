//! Mediated devices: made and removed through sysfs, defined in files.

use uuid::Uuid;
use virt_conf::model::NodeDevice;
use virt_conf::model::nodedev::{
    MdevAttributes, MdevCapability, MdevTypeReference, MdevViews, NodeDeviceCapability, NodeDeviceIommuGroup,
    ParentDevice,
};
use virt_conf::xml::{self, ParseFlags, ParseOptions};
use virt_core::driver::{Affect, Error, ErrorCode, ErrorDomain, Result};

use crate::engine::Engine;
use crate::host::last;
use crate::kind::{self, COMPUTER, Device, Kind, MDEV_TYPES};
use crate::mediated_file::Definition;

/// What is made of a document.
pub(crate) enum Wanted {
    Mediated(Definition),
    VirtualAdapter(Box<NodeDevice>),
}

fn error(code: ErrorCode, sentence: impl AsRef<str>) -> Error {
    Error::new(code, ErrorDomain::NODEDEV, sentence)
}

/// "Unsupported device type"
pub(crate) fn unsupported_kind() -> Error {
    error(ErrorCode::CONFIG_UNSUPPORTED, "Unsupported device type")
}

/// The name of the device of a definition.
pub(crate) fn name(definition: &Definition) -> String {
    kind::name(&["mdev", &definition.uuid.to_string(), &definition.parent])
}

impl Engine {
    /// Reads what is to be made or defined.
    pub(crate) fn read(&self, text: &str, strict: bool) -> Result<Wanted> {
        let options = ParseOptions { strict, ..ParseOptions::from(ParseFlags::CREATE) };
        let device: NodeDevice = xml::from_str(text, &options)?;
        match device.capabilities.first() {
            Some(NodeDeviceCapability::Mdev(wanted)) => {
                let parent = device.parent.as_ref().map(|parent| parent.name.as_str()).unwrap_or_default();
                Ok(Wanted::Mediated(self.definition_of(parent, wanted)?))
            }
            Some(NodeDeviceCapability::ScsiHost(_)) => Ok(Wanted::VirtualAdapter(Box::new(device))),
            _ => Err(unsupported_kind()),
        }
    }

    fn definition_of(&self, parent: &str, wanted: &MdevCapability) -> Result<Definition> {
        let unknown = || error(ErrorCode::CONFIG_UNSUPPORTED, format!("invalid parent device '{parent}'"));
        let device = self.current(|inventory| inventory.get(parent).cloned())?.ok_or_else(unknown)?;
        if device.kind == Kind::System {
            return Err(unknown());
        }
        Ok(Definition {
            uuid: wanted.uuid.unwrap_or_else(Uuid::new_v4),
            parent: last(&device.path).to_owned(),
            kind: wanted.types.defined.id.clone().unwrap_or_default(),
            autostart: false,
            attributes: wanted.attributes.defined.list.clone(),
        })
    }

    /// The definitions that there are.
    pub(crate) fn definitions(&self) -> Vec<Definition> {
        Definition::list(&self.host.definitions)
    }

    /// The definition of the device of this name.
    pub(crate) fn definition(&self, name_of: &str) -> Option<Definition> {
        if !name_of.starts_with("mdev_") {
            return None;
        }
        self.definitions().into_iter().find(|definition| name(definition) == name_of)
    }

    /// The definition of a device that there is, or of one that is only defined.
    fn defined(&self, name_of: &str) -> Result<Definition> {
        if let Some(definition) = self.definition(name_of) {
            return Ok(definition);
        }
        self.device(name_of)?;
        Err(error(ErrorCode::OPERATION_INVALID, format!("Node device '{name_of}' is not defined")))
    }

    /// Defines a device, or changes its definition; answers its name.
    pub(crate) fn define(&self, mut definition: Definition) -> Result<String> {
        let known = Definition::read(&self.host.definitions, &definition.parent, definition.uuid)?;
        definition.autostart = known.is_some_and(|known| known.autostart);
        definition.write(&self.host.definitions)?;
        Ok(name(&definition))
    }

    /// Takes a definition away.
    pub(crate) fn undefine(&self, name: &str) -> Result<()> {
        self.defined(name)?.remove(&self.host.definitions)
    }

    /// Decides whether a defined device is made when its parent comes.
    pub(crate) fn set_autostart(&self, name: &str, autostart: bool) -> Result<()> {
        if let Some(mut definition) = self.definition(name) {
            definition.autostart = autostart;
            return definition.write(&self.host.definitions);
        }
        match self.device(name)?.kind {
            Kind::Mdev => {
                Err(error(ErrorCode::OPERATION_INVALID, "cannot set autostart for transient device"))
            }
            _ => Err(error(ErrorCode::OPERATION_UNSUPPORTED, "Unsupported device type")),
        }
    }

    /// Whether it is made when its parent comes.
    pub(crate) fn autostart(&self, name: &str) -> Result<bool> {
        match self.definition(name) {
            Some(definition) => Ok(definition.autostart),
            None => Ok(self.device(name)?.kind == Kind::System),
        }
    }

    /// Makes a device that is defined.
    pub(crate) fn start(&self, name: &str) -> Result<()> {
        if self.current(|inventory| inventory.get(name).is_some())? {
            return Err(error(ErrorCode::OPERATION_INVALID, "Device is already active"));
        }
        self.make(&self.defined_or_none(name)?, "create").map(drop)
    }

    fn defined_or_none(&self, name: &str) -> Result<Definition> {
        self.definition(name).ok_or_else(|| crate::engine::no_device(name))
    }

    /// Makes a device; answers its name. `verb` is libvirt's word in the error.
    pub(crate) fn make(&self, wanted: &Definition, verb: &str) -> Result<String> {
        let failed = |why: String| {
            Error::internal(ErrorDomain::NODEDEV, format!("Unable to {verb} mediated device: {why}"))
        };
        let Definition { uuid, parent, kind, attributes, .. } = wanted;
        let sysfs = &self.host.sysfs;
        let device = format!("bus/mdev/devices/{uuid}");
        if sysfs.exists(&device) {
            return Err(failed("Device already exists".to_owned()));
        }
        let types = format!("class/mdev_bus/{parent}/{MDEV_TYPES}");
        // The name becomes part of a path.
        if kind.contains('/') || !sysfs.exists(format!("{types}/{kind}/create")) {
            return Err(failed(format!("Parent {parent} does not support mdev type {kind}")));
        }
        if self.host.number(&format!("{types}/{kind}/available_instances")) == Some(0) {
            return Err(failed(format!("No available instances of {kind}")));
        }
        sysfs
            .write(format!("{types}/{kind}/create"), &uuid.to_string())
            .map_err(|cause| failed(cause.to_string()).caused_by(cause))?;
        for attribute in attributes {
            let written = self.set(uuid, &attribute.name, &attribute.value);
            if let Err(cause) = written {
                let removed = sysfs.write(format!("{device}/remove"), "1");
                removed.unwrap_or_else(|error| log::warn!("{error}"));
                return Err(failed(cause.to_string()).caused_by(cause));
            }
        }
        Ok(name(wanted))
    }

    /// Writes an attribute of a device that runs. Vendors have them in directories of their own.
    fn set(&self, uuid: &Uuid, attribute: &str, value: &str) -> Result<()> {
        if attribute.split('/').any(|part| part.is_empty() || part == "..") {
            let sentence = format!("'{attribute}' cannot be an attribute of a mediated device");
            return Err(error(ErrorCode::INVALID_ARG, sentence));
        }
        self.host.sysfs.write(format!("bus/mdev/devices/{uuid}/{attribute}"), value)
    }

    /// Removes a device that runs; its definition stays.
    pub(crate) fn destroy(&self, name: &str) -> Result<()> {
        let Some(device) = self.current(|inventory| inventory.get(name).cloned())? else {
            self.defined_or_none(name)?;
            return Err(error(ErrorCode::OPERATION_INVALID, format!("Device '{name}' is not active")));
        };
        match device.kind {
            Kind::Mdev => self.host.sysfs.write(format!("{}/remove", device.path), "1"),
            Kind::ScsiHost => self.destroy_vport(&device),
            _ => Err(unsupported_kind()),
        }
    }

    /// Changes the attributes of a device, as it runs or as it is defined.
    pub(crate) fn update(&self, name: &str, text: &str, affect: Affect) -> Result<()> {
        let running = self.current(|inventory| inventory.get(name).cloned())?;
        let defined = self.definition(name);
        if running.is_none() && defined.is_none() {
            return Err(crate::engine::no_device(name));
        }
        if running.as_ref().is_some_and(|device| device.kind != Kind::Mdev) {
            return Err(unsupported_kind());
        }
        let Wanted::Mediated(mut wanted) = self.read(text, true)? else { return Err(unsupported_kind()) };
        if crate::mediated::name(&wanted) != name {
            let sentence = format!("Cannot update device '{name}' with the definition of another");
            return Err(error(ErrorCode::CONFIG_UNSUPPORTED, sentence));
        }
        let affect = match (affect.is_empty(), &running) {
            (false, _) => affect,
            (true, Some(_)) => Affect::LIVE,
            (true, None) => Affect::CONFIG,
        };
        let needs = |missing: bool, what: &str| match missing {
            true => Err(error(ErrorCode::OPERATION_INVALID, format!("node device '{name}' is not {what}"))),
            false => Ok(()),
        };
        needs(affect.contains(Affect::LIVE) && running.is_none(), "active")?;
        needs(affect.contains(Affect::CONFIG) && defined.is_none(), "persistent")?;
        let kind_now =
            running.as_ref().and_then(|device| self.host.link(&format!("{}/mdev_type", device.path)));
        let kind_now = kind_now.or_else(|| defined.as_ref().map(|it| it.kind.clone())).unwrap_or_default();
        if kind_now != wanted.kind {
            let sentence =
                format!("Cannot update device '{name}', type mismatch (current type '{kind_now}')");
            return Err(error(ErrorCode::CONFIG_UNSUPPORTED, sentence));
        }
        if affect.contains(Affect::LIVE) {
            for attribute in &wanted.attributes {
                self.set(&wanted.uuid, &attribute.name, &attribute.value)?;
            }
        }
        if let Some(defined) = defined.filter(|_| affect.contains(Affect::CONFIG)) {
            wanted.autostart = defined.autostart;
            wanted.write(&self.host.definitions)?;
        }
        Ok(())
    }

    /// Describes a device that is defined and does not run.
    pub(crate) fn describe_definition(&self, definition: &Definition) -> Result<NodeDevice> {
        let parent = self.parent_of(definition)?;
        let kind = MdevTypeReference { id: Some(definition.kind.clone()) };
        let attributes = MdevAttributes { list: definition.attributes.clone() };
        let capability = MdevCapability {
            types: MdevViews { defined: kind.clone(), active: kind },
            uuid: Some(definition.uuid),
            parent_address: Some(definition.parent.clone()),
            iommu_group: NodeDeviceIommuGroup::default(),
            attributes: MdevViews { defined: attributes.clone(), active: attributes },
        };
        Ok(NodeDevice {
            name: name(definition),
            parent: Some(ParentDevice { name: parent, ..ParentDevice::default() }),
            capabilities: vec![NodeDeviceCapability::Mdev(capability)],
            ..NodeDevice::default()
        })
    }

    /// The name of the device that a definition belongs to; the host itself while that is not there.
    pub(crate) fn parent_of(&self, definition: &Definition) -> Result<String> {
        let link = std::fs::read_link(self.host.sysfs.path(format!("class/mdev_bus/{}", definition.parent)));
        let path = link.ok().and_then(|target| Some(target.to_str()?.trim_start_matches("../").to_owned()));
        let name =
            self.current(|inventory| path.and_then(|path| inventory.name_at(&path).map(str::to_owned)))?;
        Ok(name.unwrap_or_else(|| COMPUTER.to_owned()))
    }

    /// What a definition says of a device that runs besides.
    pub(crate) fn with_definition(&self, described: &mut NodeDevice, definition: &Definition) {
        if let Some(NodeDeviceCapability::Mdev(mdev)) = described.capabilities.first_mut() {
            mdev.types.defined = MdevTypeReference { id: Some(definition.kind.clone()) };
            let attributes = MdevAttributes { list: definition.attributes.clone() };
            mdev.attributes = MdevViews { defined: attributes.clone(), active: attributes };
        }
    }

    /// The device of this name that is there.
    pub(crate) fn device(&self, name: &str) -> Result<Device> {
        let found = self.current(|inventory| inventory.get(name).cloned())?;
        found.ok_or_else(|| crate::engine::no_device(name))
    }
}

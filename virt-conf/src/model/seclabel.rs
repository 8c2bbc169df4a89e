//! `<seclabel>`: how a guest, or one of its devices, is confined.

use crate::error::plain;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// How one security driver confines a guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "seclabel", after_read = SecurityLabel::settle)]
pub struct SecurityLabel {
    /// Who chooses the label; by default libvirt, where the host confines guests at all.
    #[xml(attr = "type")]
    pub kind: Option<SecurityLabelType>,
    /// Which security driver: `selinux`, `apparmor`, `dac` or `none`; by default the host's first.
    #[xml(attr)]
    pub model: Option<String>,
    /// Whether what the guest uses is relabelled; by default yes with a label that libvirt chooses, no with one given.
    #[xml(attr)]
    pub relabel: Option<bool>,
    /// The label of the guest's process; with a chosen one it exists only while the guest runs.
    #[xml(child_text)]
    pub label: Option<String>,
    /// The label of the guest's images while it runs.
    #[xml(child_text, live)]
    pub imagelabel: Option<String>,
    /// What a chosen label is derived from; by default the host's policy says.
    #[xml(child_text)]
    pub baselabel: Option<String>,
}

impl SecurityLabel {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        use SecurityLabelType::{Dynamic, None as Unconfined, Static};
        let kind = self.kind.unwrap_or_default();
        match (kind, self.relabel) {
            (Dynamic, Some(false)) => {
                return Err(reader.unsupported("dynamic label type must use resource relabeling"));
            }
            (Unconfined, Some(true)) => {
                return Err(
                    reader.unsupported("resource relabeling is not compatible with 'none' label type")
                );
            }
            (Unconfined, _) => self.relabel = None,
            (kind, given) => self.relabel = Some(given.unwrap_or(kind == Dynamic)),
        }
        let assigned = reader.live() && kind != Unconfined;
        if kind != Static && !assigned {
            self.label = None;
        } else if self.label.is_none() {
            return Err(reader.refuse("security label is missing"));
        }
        if !assigned || self.relabel != Some(true) {
            self.imagelabel = None;
        } else if self.imagelabel.is_none() {
            return Err(reader.refuse("security imagelabel is missing"));
        }
        if kind != Dynamic {
            self.baselabel = None;
        }
        Ok(())
    }
}

/// Who chooses a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum SecurityLabelType {
    /// Nobody: the guest is not confined.
    None,
    /// libvirt, when the guest starts.
    #[default]
    Dynamic,
    /// The definition.
    Static,
}

/// How one security driver labels what a device uses.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "seclabel", after_read = DeviceSecurityLabel::settle)]
pub struct DeviceSecurityLabel {
    /// Which security driver; by default every one.
    #[xml(attr)]
    pub model: Option<String>,
    /// Whether it is relabelled at all; by default yes.
    #[xml(attr)]
    pub relabel: Option<bool>,
    /// Kept while the guest runs: what could not be labelled is skipped.
    #[xml(attr = "labelskip", live)]
    pub label_skip: Option<bool>,
    /// The label; by default the guest's.
    #[xml(child_text)]
    pub label: Option<String>,
}

impl DeviceSecurityLabel {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let model = self.model.as_deref().unwrap_or("<null>");
        match (&self.label, self.relabel) {
            (None, Some(true)) => {
                let sentence = format!("Cannot specify relabel if label is missing. model={model}");
                Err(reader.refuse(sentence))
            }
            (Some(_), Some(false)) => {
                let sentence = format!("Cannot specify a label if relabelling is turned off. model={model}");
                Err(reader.refuse(sentence))
            }
            (Some(_), None) => {
                self.relabel = Some(true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Leaves out labels that say nothing, and refuses two for one driver.
    pub(crate) fn settle_all(labels: &mut Vec<Self>, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, label) in labels.iter().enumerate() {
            let Some(model) = label.model.as_deref() else { continue };
            if labels.iter().take(at).any(|other| other.model.as_deref() == Some(model)) {
                return Err(reader.place(plain(format!("seclabel for model {model} is already provided"))));
            }
        }
        labels.retain(|label| label.label.is_some() || label.relabel.is_some() || label.label_skip.is_some());
        Ok(())
    }
}

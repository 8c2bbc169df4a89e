//! Every kind of document, found by its root element: for tools that work on any of them.

use crate::diff::{Diff, diff_trees};
use crate::model::*;
use crate::tree::Tree;
use crate::xml::{
    self, Describe, Element, Error, ErrorCode, ErrorDomain, Fields as _, FormatFlags, FormatOptions,
    ParseFlags, ParseOptions, RawElement, Result, Shape, Unknown,
};

/// A kind of document.
pub struct Kind {
    /// The name of its root element.
    pub root: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// The name of its model, which no other kind has.
    pub model: &'static str,
    /// Describes the root element.
    pub describe: Describe,
    /// The attribute that tells it from another kind whose root element has the same name.
    mark: Option<&'static str>,
    /// What such a document says of an object.
    view: View,
    read: fn(&str, &ParseOptions) -> Result<Tree>,
    check: fn(&str, &ParseOptions) -> Result<()>,
    write: fn(&Tree, FormatOptions) -> Result<String>,
    rewrite: fn(&str, ParseFlags, FormatFlags) -> Result<Rewritten>,
}

/// What documents of a kind say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// What an object is defined to be, or what a running one is.
    Either,
    /// Both of it at a time.
    Both,
    /// What a driver keeps to find a running object again.
    Status,
}

/// What a document becomes when it is read and written.
#[derive(Debug)]
pub struct Rewritten {
    /// What was written.
    pub text: String,
    /// Whether reading that gives the model it was written from; as it should, for every document that is accepted.
    pub same: Result<bool>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $model:ty $([$mark:literal])? $(=> $view:ident)? $(, $check:expr)?;)*) => {
        /// All of them: documents first, then parts that stand alone in calls that change an object.
        pub const KINDS: &[Kind] = &[$(Kind {
            root: <$model as Element>::NAME,
            doc: concat!($($doc),*),
            model: stringify!($model),
            describe: |shape| <$model>::describe(None, shape),
            mark: kinds!(@mark $($mark)?),
            view: kinds!(@view $($view)?),
            read: |text, options| Tree::of(&xml::from_str::<$model>(text, options)?),
            check: kinds!(@check $model $(, $check)?),
            write: |tree, options| Ok(xml::to_string(&tree.to_model::<$model>()?, options)),
            rewrite: |text, parse, format| {
                let read = |text: &str| xml::from_str::<$model>(text, &parse.into());
                let model = read(text)?;
                let text = xml::to_string(&model, format.into());
                let same = read(&text).map(|again| again == model);
                Ok(Rewritten { text, same })
            },
        }),*];
    };
    (@mark) => { None };
    (@mark $mark:literal) => { Some($mark) };
    (@view) => { View::Either };
    (@view $view:ident) => { View::$view };
    (@check $model:ty) => { |text, options| xml::from_str::<$model>(text, options).map(drop) };
    (@check $model:ty, $check:expr) => { $check };
}
kinds! {
    /// A guest.
    Domain, |text, options| Domain::from_xml(text, options, &crate::domain::Neutral).map(drop);
    /// A virtual network.
    Network;
    /// A port of a virtual network.
    NetworkPort;
    /// A storage pool.
    StoragePool;
    /// A storage volume.
    StorageVolume;
    /// A secret.
    Secret;
    /// A device of a host.
    NodeDevice => Both;
    /// A backup of a running guest.
    DomainBackup;
    /// A moment since which the changes of a guest's disks are kept track of.
    DomainCheckpoint;
    /// What a guest was at some moment.
    DomainSnapshot;
    /// A filter of frames.
    NwFilter;
    /// The filter of a guest's interface.
    NwFilterBinding;
    /// A network interface of a host.
    HostInterface ["name"];
    /// What a host is, and which guests it can have.
    Capabilities;
    /// What guests of one machine and emulator can have.
    DomainCapabilities;
    /// Which types of storage pools a host can have.
    StoragePoolCapabilities;
    /// A running guest, and what its driver needs to find it again.
    DomainStatus => Status, |text, _| DomainStatus::from_xml(text, &crate::domain::Neutral).map(drop);
    /// What both hosts tell each other while a guest migrates.
    MigrationCookie;
    /// A guest's processor, or a host's.
    CpuDocument;
    /// A disk of a guest.
    Disk;
    /// A controller of a guest.
    Controller;
    /// A lease of a lock manager.
    Lease;
    /// A file system of the host in a guest.
    Filesystem;
    /// A network interface of a guest.
    Interface;
    /// A smart card reader of a guest.
    Smartcard;
    /// A serial port of a guest.
    Serial;
    /// A parallel port of a guest.
    Parallel;
    /// A console of a guest.
    Console;
    /// A private channel between host and guest.
    Channel;
    /// A keyboard, mouse or tablet of a guest.
    Input;
    /// A trusted platform module of a guest.
    Tpm;
    /// A way to look at a guest's display.
    Graphics;
    /// A sound card of a guest.
    Sound;
    /// An audio backend of the host.
    Audio;
    /// A graphics card of a guest.
    Video;
    /// A device of the host in a guest.
    Hostdev;
    /// A USB port for devices of whoever looks at a guest.
    RedirectedDevice;
    /// A USB hub of a guest.
    Hub;
    /// What resets a guest when it hangs.
    Watchdog;
    /// A guest's memory balloon.
    MemoryBalloon;
    /// A source of random numbers of a guest.
    Rng;
    /// A panic device of a guest.
    Panic;
    /// Memory that a guest shares with others.
    SharedMemory;
    /// Memory that is plugged into a guest.
    MemoryDevice;
    /// A cryptographic accelerator of a guest.
    Crypto;
    /// What maps a guest's devices to its memory.
    Iommu;
    /// A socket between host and guest.
    Vsock;
}

/// The kind of a document, by its root element.
///
/// # Errors
///
/// When the text is not XML, or of no kind that is known.
///
/// ```
/// let kind = virt_conf::document::kind_of("<network><name>lan</name></network>")?;
/// assert_eq!(kind.root, "network");
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
pub fn kind_of(text: &str) -> Result<&'static Kind> {
    let RawElement { name, attributes, .. } = text.parse()?;
    find(&name, |mark| attributes.iter().any(|(name, _)| name == mark))
}

/// The kind whose root element has this name, and the attributes that `has` knows.
pub(crate) fn find(root: &str, has: impl Fn(&str) -> bool) -> Result<&'static Kind> {
    let fits = |kind: &&Kind| kind.root == root && kind.mark.is_none_or(&has);
    KINDS.iter().find(fits).ok_or_else(|| {
        let near = xml::nearest(root, KINDS.iter().map(|kind| kind.root));
        let error =
            Error::new(ErrorCode::XML_ERROR, ErrorDomain::XML, format!("unknown kind of document <{root}>"));
        match near {
            Some(near) => error.hint(format!("did you mean <{near}>?")),
            None => error,
        }
    })
}

impl Kind {
    /// Reads the syntax of a document, as a running object's or, where it is none, as a definition.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn read(&self, text: &str) -> Result<Tree> {
        let read = |flags| (self.read)(text, &ParseOptions::from(flags));
        if self.view == View::Status {
            return read(DomainStatus::READ);
        }
        let flags = ParseFlags::NO_CAPACITY | ParseFlags::REDEFINE;
        read(flags).or_else(|_| read(flags | ParseFlags::INACTIVE))
    }

    /// Reads a document as a definition, with the checks and defaults that need no hypervisor; nothing unknown is looked for.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn check(&self, text: &str) -> Result<()> {
        (self.check)(text, &ParseOptions::inactive())
    }

    /// Every name in a document that the model does not know.
    ///
    /// # Errors
    ///
    /// When it is not XML.
    pub fn unknown(&self, text: &str) -> Result<Vec<Unknown>> {
        xml::unknown_names(text, self.describe)
    }

    /// The document in libvirt's spelling.
    ///
    /// # Errors
    ///
    /// When the tree is no such document.
    pub fn write(&self, tree: &Tree) -> Result<String> {
        let flags = match self.view {
            View::Either => FormatFlags::SECURE,
            View::Both => FormatFlags::SECURE | FormatFlags::STATUS,
            View::Status => DomainStatus::WRITTEN,
        };
        (self.write)(tree, flags.into())
    }

    /// Reads the syntax of a document, writes that, and reads what was written; with passwords, and, unless `inactive`, what only a running object has.
    ///
    /// # Errors
    ///
    /// When the document is refused.
    pub fn rewrite(&self, text: &str, inactive: bool) -> Result<Rewritten> {
        let (parse, format) = if inactive {
            (ParseFlags::INACTIVE, FormatFlags::INACTIVE)
        } else if self.view == View::Status {
            return (self.rewrite)(text, DomainStatus::READ, DomainStatus::WRITTEN);
        } else {
            (ParseFlags::empty(), FormatFlags::empty())
        };
        let parse = parse | ParseFlags::NO_CAPACITY | ParseFlags::REDEFINE;
        (self.rewrite)(text, parse, format | FormatFlags::SECURE)
    }

    /// What differs between two documents of this kind.
    #[must_use]
    pub fn diff(&self, before: &Tree, after: &Tree) -> Diff {
        diff_trees(before, after, self.describe)
    }

    /// The root element's shape, all variants in it.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let mut shape = Shape::default();
        (self.describe)(&mut shape);
        shape
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("root", &self.root).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::kind_of;

    fn written(text: &str) -> String {
        let kind = kind_of(text).unwrap();
        kind.check(text).unwrap();
        assert!(kind.unknown(text).unwrap().is_empty(), "{text}");
        kind.write(&kind.read(text).unwrap()).unwrap()
    }

    #[test]
    fn processors_of_guests_and_of_hosts_share_a_root() {
        let guest = "<cpu mode='host-passthrough' check='none' migratable='on'/>\n";
        assert_eq!(written(guest), guest);
        let host =
            "<cpu>\n  <arch>x86_64</arch>\n  <model>Haswell</model>\n  <vendor>Intel</vendor>\n</cpu>\n";
        assert_eq!(written(host), host);
    }

    #[test]
    fn status_documents_keep_what_only_running_guests_have() {
        let text = written(
            "<domstatus state='running' reason='booted' pid='42'>
               <monitor path='/run/monitor.sock' type='unix'/>
               <domain type='kvm' id='7'><name>one</name><memory>1024</memory><os><type>hvm</type></os>
                 <devices><graphics type='vnc' port='5901' autoport='yes'>
                   <listen type='address' address='127.0.0.1' fromConfig='1' />
                 </graphics><video><model type='vga'/></video></devices>
               </domain>
             </domstatus>",
        );
        for kept in
            ["pid='42'", "<monitor path='/run/monitor.sock'", "id='7'", "port='5901'", "fromConfig='1'"]
        {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn a_running_guest_may_lack_what_a_definition_must_have() {
        let text = "<domstatus state='running' reason='booted' pid='42'>
               <domain type='kvm' id='7'><name>one</name><memory>1024</memory><os><type>hvm</type></os>
                 <devices><disk/></devices>
               </domain>
             </domstatus>";
        let kind = kind_of(text).unwrap();
        let text = kind.write(&kind.read(text).unwrap()).unwrap();
        assert!(text.contains("<disk "), "{text}");
    }

    #[test]
    fn what_a_device_is_to_be_is_kept_when_nothing_runs() {
        let device = "<device>
  <name>mdev_a</name>
  <path>/sys/devices/a</path>
  <capability type='mdev'>
    <type id='mtty-1'/>
    <iommuGroup number='0'/>
    <attr name='a' value='b'/>
  </capability>
</device>
";
        assert_eq!(written(device), device);
    }

    #[test]
    fn migration_cookies_are_documents() {
        let cookie = "<qemu-migration>
  <name>one</name>
  <uuid>dcf47dbd-46d1-4d5b-b442-262a806a333a</uuid>
  <hostname>here</hostname>
  <hostuuid>8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95</hostuuid>
  <statistics>
    <downtime>17</downtime>
  </statistics>
</qemu-migration>
";
        assert_eq!(written(cookie), cookie);
    }
}

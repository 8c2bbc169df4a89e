//! Storage: the programs that are run for pools and volumes, and backing chains.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use anyhow::{Context as _, Result, bail, ensure};
use virt_conf::model::{StoragePool, StorageVolume};
use virt_conf::xml::{ParseFlags, ParseOptions, from_str};
use virt_driver_storage::command::{Command, Image, Platform, start};
use virt_util::image::chain::{Link, Place, follow, path_of};
use virt_util::image::{Format, Header};

use super::{Case, Kind, Outcome, equal_text};

/// `storagepool-argv`
pub(super) struct PoolArgv;

impl Kind for PoolArgv {
    fn name(&self) -> &'static str {
        "storagepool-argv"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let platform = match case.params.value("platform") {
            Some("linux") => Platform::Linux,
            Some("freebsd") => Platform::FreeBsd,
            _ => Platform::Other,
        };
        let command = input.parse::<StoragePool>().and_then(|pool| start(&pool, platform));
        compare(case, &input, command.map(|command| command.to_shell()))
    }
}

/// Compares what came out with what the case expects.
fn compare(case: &Case<'_>, input: &str, found: virt_util::Result<String>) -> Result<Outcome> {
    Ok(match (case.expectation, found) {
        ("output", Ok(text)) => equal_text(input, &case.expected_text()?, &text),
        ("output", Err(error)) => Outcome::Failed(format!("refused: {error:#}\n")),
        ("error", Ok(text)) => Outcome::Failed(format!("accepted, libvirt refuses it:\n{text}\n")),
        ("error", Err(_)) => Outcome::Passed,
        _ => Outcome::Skipped("nothing runs this expectation yet"),
    })
}

/// `storagevol-argv`
pub(super) struct VolumeArgv;

impl Kind for VolumeArgv {
    fn name(&self) -> &'static str {
        "storagevol-argv"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let input = case.input()?;
        let aux = case.aux();
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
        };
        let pool: StoragePool = read(aux.first().context("the case names no pool")?)?.parse()?;
        let image = |text: &str, pool: &StoragePool| -> virt_util::Result<Image> {
            let options = ParseOptions::from(ParseFlags::NO_CAPACITY);
            let mut volume: StorageVolume = from_str(text, &options)?;
            volume.settle_in(&pool.kind)?;
            let path = volume.target.as_ref().and_then(|target| target.path.clone()).unwrap_or_default();
            Image::of(&volume, &path)
        };
        let preallocate = case.params.is("flags", "flags");
        let target = image(&input, &pool);
        let commands = match (aux.get(1), aux.get(2)) {
            (Some(pool), Some(volume)) => {
                let from = image(&read(volume)?, &read(pool)?.parse()?)?;
                let from_secret = from.encryption.as_ref().map(|_| "/path/to/inputSecretFile");
                target.map(|image| {
                    let secret = image.encryption.as_ref().map(|_| "/path/to/secretFile");
                    image.convert(preallocate, secret, &from, from_secret)
                })
            }
            _ => target.map(|image| {
                let secret = image.encryption.as_ref().map(|_| "/path/to/secretFile");
                vec![image.create(preallocate, secret)]
            }),
        };
        compare(case, &input, commands.map(|commands| commands.iter().map(Command::to_shell).collect()))
    }
}

/// `storage-chain`
pub(super) struct Chain;

/// The directories of libvirt's sources and of its build, in its expectations.
const SOURCES: &str = "ABS_SRCDIR";
const BUILD: &str = "ABS_BUILDDIR";

impl Kind for Chain {
    fn name(&self) -> &'static str {
        "storage-chain"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let scratch = tempfile::tempdir()?;
        let data = scratch.path().join("virstoragetestdata");
        std::fs::create_dir(&data)?;
        let images = case.aux().into_iter().next().context("the case names no images")?;
        unpack(&images, &data)?;
        let start = case.params.value("start").context("the case names no image")?.trim_end_matches('"');
        let (path, place) = match start {
            // libvirt makes this one when it runs; what is in it does not matter.
            "realchain" => {
                let directory = scratch.path().join("virstoragedata");
                std::fs::create_dir(&directory)?;
                std::fs::write(directory.join("wrap"), [0; 1024])?;
                (format!("{}/wrap", directory.display()), BUILD)
            }
            image => (format!("{}/{image}", data.display()), SOURCES),
        };
        let format = match case.params.value("format") {
            Some("AUTO") | None => None,
            Some(name) => {
                let known = Format::of_name(&name.to_lowercase());
                Some(known.with_context(|| format!("unknown format {name}"))?)
            }
        };
        let found = follow(&path, format).map(|chain| {
            let links: Vec<String> = chain.iter().map(shown).collect();
            links.join("\n").replace(&scratch.path().display().to_string(), place)
        });
        compare(case, start, found)
    }
}

fn unpack(archive: &Path, directory: &Path) -> Result<()> {
    let status = Process::new("tar").arg("-xzf").arg(archive).arg("-C").arg(directory).status();
    ensure!(status.context("running tar")?.success(), "tar cannot unpack {}", archive.display());
    if !directory.join("images").is_dir() {
        bail!("{} holds no images", archive.display());
    }
    Ok(())
}

/// libvirt's number of a format.
fn number(format: Format) -> usize {
    const NAMES: [&str; 17] = [
        "none", "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow",
        "qcow", "qcow2", "qed", "vmdk",
    ];
    NAMES.iter().position(|name| *name == format.name()).unwrap_or_default()
}

/// A link as libvirt's test writes it.
fn shown(link: &Link) -> String {
    let header = &link.header;
    let (kind, path, protocol, host) = match &link.place {
        Place::File(path) => ("file", path, "none", None),
        Place::Block(path) => ("block", path, "none", None),
        Place::Dir(path) => ("dir", path, "none", None),
        Place::Network { protocol, host, name } => ("network", name, protocol.as_str(), host.as_deref()),
        _ => ("unknown", &String::new(), "none", None),
    };
    let raw_format = match &header.backing {
        None => "none(0)".to_owned(),
        Some(backing) => match backing.format {
            None => "<null>(-1)".to_owned(),
            Some(format) => format!("{}({})", format.name(), number(format)),
        },
    };
    let null = |text: Option<&str>| text.unwrap_or("<null>").to_owned();
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "path:{path}\nbackingStoreRaw: {}\nbackingStoreRawFormat: {raw_format}\n{}relPath:{}\ntype:{kind}\nformat:{}\n\
         protocol:{protocol}\nhostname:{}\n",
        null(link.backing()),
        sizes(header),
        null(link.relative.as_deref()),
        header.format.name(),
        null(host),
    );
    if let Some(name) = &header.data_file {
        let place = path_of(name, path).unwrap_or_default();
        let _ = write!(
            text,
            "\ndataFileRaw: {name}\n\n\ndataFileStoreSource:\npath: {place}\ncapacity: 0\nencryption: 0\ntype:file\n\
             format:raw\n"
        );
    }
    text
}

fn sizes(header: &Header) -> String {
    let capacity = header.capacity.unwrap_or_default();
    format!("capacity: {capacity}\nencryption: {}\n", u8::from(header.encryption.is_some()))
}

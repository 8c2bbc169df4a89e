//! `cargo xtask conformance`: what every driver must do, tried on one, with a report of every call.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use virt_core::{Registry, SearchPath};
use virt_tests::conformance::{self, Subject, Template};

/// Options of `cargo xtask conformance`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A URI, for a driver of this tree or one that is installed; or a plugin's file.
    #[arg(value_name = "URI|DRIVER.so")]
    driver: String,
    /// The URI to open with a plugin's file; by default its first scheme's `SCHEME:///`.
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// The XML of a guest that the driver can run, with the places {name} and {uuid}.
    #[arg(long, value_name = "FILE")]
    guest: Option<PathBuf>,
    /// The XML of an interface for it, with the place {mac}.
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The XML of a network that may be started, with the places {name} and {uuid}.
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// The XML of a storage pool that may be built, started and deleted, with the places {name} and {uuid}.
    #[arg(long, value_name = "FILE")]
    pool: Option<PathBuf>,
    /// Try what concerns all objects there, too: nobody minds what happens to them.
    #[arg(long)]
    alone: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    // Keeps a plugin that is tried alone where it is loaded from.
    let scratch = tempfile::tempdir()?;
    let mut subject = if options.driver.contains("://") {
        ensure!(options.uri.is_none(), "--uri goes with a plugin's file");
        Subject::new(Registry::global().clone(), options.driver.as_str())
    } else {
        plugin(Path::new(&options.driver), options.uri.as_deref(), scratch.path())?
    };
    let read = |file: &Option<PathBuf>| {
        let text = file.as_ref().map(|file| {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        });
        text.transpose().map(|text| text.map(Template::from))
    };
    subject.guest = read(&options.guest)?.unwrap_or(subject.guest);
    subject.card = read(&options.card)?.unwrap_or(subject.card);
    subject.network = read(&options.network)?.or(subject.network);
    subject.pool = read(&options.pool)?.or(subject.pool);
    subject.alone = options.alone;
    let report = conformance::run(&subject)?;
    if options.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    match report.wrong().count() {
        0 => Ok(()),
        1 => bail!("1 call does something else than it should"),
        count => bail!("{count} calls do something else than they should"),
    }
}

/// A plugin by itself, in a directory of its own.
fn plugin(file: &Path, uri: Option<&str>, directory: &Path) -> Result<Subject> {
    let name = file.file_name().context("the plugin's file has no name")?;
    std::fs::copy(file, directory.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    let registry = Registry::searching(SearchPath::only(directory));
    let found = registry.drivers();
    let driver = found.first().with_context(|| format!("{} is no driver", file.display()))?;
    let uri = match (uri, driver.schemes.first().map(String::as_str)) {
        (Some(uri), _) => uri.to_owned(),
        // It takes the name of a host.
        (None, Some("test")) => "test:///default".to_owned(),
        (None, Some(scheme)) => format!("{scheme}:///"),
        (None, None) => bail!("'{}' serves no URI of its own: name one with --uri", driver.name),
    };
    Ok(Subject::new(registry, uri))
}

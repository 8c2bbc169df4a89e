//! `screenshot`

use std::fs::OpenOptions;
use std::io::Write as _;

use virt_core::{Error, ErrorDomain};

use super::subject;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Field, Format, Reply};
use crate::shell::Shell;

pub(super) static SCREENSHOT: Command = Command {
    name: "screenshot",
    summary: "take a screenshot of a current domain console and store it into a file",
    description: "screenshot of a current domain console",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::text("file", "where to store the screenshot").tolerated().values(Values::Files),
        Opt::number("screen", "ID of a screen to take screenshot of").tolerated(),
    ],
    run: screenshot,
};

fn screenshot(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let file = arguments.text("file")?;
    let screen: u32 = arguments.number("screen")?.unwrap_or_default();
    let domain = shell.domain(arguments)?;
    let picture =
        domain.screenshot(screen).context(|| format!("could not take a screenshot of {}", domain.name()))?;
    let file = match file {
        Some(file) => file.to_owned(),
        None => format!("{}-{}{}", domain.name(), timestamp(), extension(&picture.mime_type)),
    };
    write(&file, &picture.data)?;
    let message = format!("Screenshot saved to {file}, with type of {}", picture.mime_type);
    if shell.output.format() == Format::Plain {
        shell.output.extra(&message);
        return Ok(());
    }
    let mut fields = subject(domain.name(), domain.uuid());
    fields.push(Field::new("file", "File", file));
    fields.push(Field::new("mime_type", "Type", picture.mime_type));
    shell.print(&Reply::Done { message, subject: Some(fields) })
}

/// Writes the picture; a file that is only partly written does not stay.
fn write(file: &str, data: &[u8]) -> virt_core::Result<()> {
    let refused =
        |verb: &str, error| Error::system(ErrorDomain::NONE, format!("cannot {verb} file '{file}'"), error);
    let mut options = OpenOptions::new();
    let (mut open, created) = match options.write(true).create_new(true).open(file) {
        Ok(open) => (open, true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let open = OpenOptions::new().write(true).truncate(true).open(file);
            (open.map_err(|error| refused("open", error))?, false)
        }
        Err(error) => return Err(refused("create", error)),
    };
    open.write_all(data).map_err(|error| {
        if created {
            // The error that matters is the one of writing.
            let _ = std::fs::remove_file(file);
        }
        refused("write", error)
    })
}

/// What files of this type end in.
fn extension(mime_type: &str) -> &'static str {
    match mime_type {
        "image/png" => ".png",
        "image/x-portable-pixmap" => ".ppm",
        "image/bmp" | "image/x-bmp" | "image/x-ms-bmp" => ".bmp",
        "image/gif" => ".gif",
        "image/jpeg" => ".jpg",
        _ => "",
    }
}

/// The local time, `2026-01-31-23:59:59`.
fn timestamp() -> String {
    crate::time::local(std::time::SystemTime::now(), "%Y-%m-%d-%H:%M:%S")
}

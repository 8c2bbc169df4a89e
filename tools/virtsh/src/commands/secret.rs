//! `secret-define`, `secret-list`, `secret-get-value` ...

use std::io::{IsTerminal as _, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use virt_core::{DefineSecret, ListSecrets, Secret, SecretEventKind, SecretUsageKind, SecretValue, Uuid};

use super::follow::{self, Shown};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Record, Reply, Table};
use crate::shell::Shell;
use crate::xml;

const SECRET: Opt = Opt::text("secret", "secret UUID").required();

pub(super) static SECRET_DEFINE: Command = Command {
    name: "secret-define",
    summary: "define or modify a secret from an XML file",
    description: "Define or modify a secret.",
    options: &[
        Opt::text("file", "file containing secret attributes in XML").required().values(Values::Files),
        Opt::flag("validate", "validate the XML against the schema"),
    ],
    run: define,
};

pub(super) static SECRET_DUMPXML: Command = Command {
    name: "secret-dumpxml",
    summary: "secret attributes in XML",
    description: "Output attributes of a secret as an XML dump to stdout.",
    options: &[SECRET],
    run: |shell, arguments| {
        let text = secret(shell, arguments)?.xml()?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static SECRET_EVENT: Command = Command {
    name: "secret-event",
    summary: "Secret Events",
    description: "List event types, or wait for secret events to occur",
    options: &[
        Opt::text("secret", "filter by secret name or uuid").tolerated(),
        follow::EVENT,
        follow::LOOP,
        follow::TIMEOUT,
        follow::LIST,
        follow::TIMESTAMP,
    ],
    run: event,
};

pub(super) static SECRET_GET_VALUE: Command = Command {
    name: "secret-get-value",
    summary: "Output a secret value",
    description: "Output a secret value to stdout.",
    options: &[SECRET, Opt::flag("plain", "get value without converting to base64")],
    run: get_value,
};

pub(super) static SECRET_LIST: Command = Command {
    name: "secret-list",
    summary: "list secrets",
    description: "Returns a list of secrets",
    options: &[
        Opt::flag("ephemeral", "list ephemeral secrets"),
        Opt::flag("no-ephemeral", "list non-ephemeral secrets"),
        Opt::flag("private", "list private secrets"),
        Opt::flag("no-private", "list non-private secrets"),
    ],
    run: list,
};

pub(super) static SECRET_SET_VALUE: Command = Command {
    name: "secret-set-value",
    summary: "set a secret value",
    description: "Set a secret value.",
    options: &[
        SECRET,
        Opt::text("file", "read secret from file").values(Values::Files),
        Opt::flag("plain", "read the secret from file without converting from base64"),
        Opt::flag("interactive", "read the secret from the terminal"),
        Opt::text("base64", "base64-encoded secret value").tolerated(),
    ],
    run: set_value,
};

pub(super) static SECRET_UNDEFINE: Command = Command {
    name: "secret-undefine",
    summary: "undefine a secret",
    description: "Undefine a secret.",
    options: &[SECRET],
    run: |shell, arguments| {
        let secret = secret(shell, arguments)?;
        secret.undefine().context(|| format!("Failed to delete secret {}", secret.uuid()))?;
        shell.print(&done(&secret, format!("Secret {} deleted", secret.uuid())))
    },
};

/// The secret that the command names.
fn secret(shell: &mut Shell, arguments: &Arguments) -> Result<Secret, Failure> {
    let wanted = arguments.required("secret")?;
    let connection = shell.connection()?;
    let found = match wanted.parse::<Uuid>() {
        Ok(uuid) => connection.secret_by_uuid(uuid),
        Err(_) => {
            let sentence = "uuidstr in virSecretLookupByUUIDString must be a valid UUID";
            let (code, domain) = (virt_core::ErrorCode::INVALID_ARG, virt_core::ErrorDomain::NONE);
            Err(virt_core::Error::verbatim(code, domain, sentence))
        }
    };
    found.context(|| format!("failed to get secret '{wanted}'"))
}

fn done(secret: &Secret, message: String) -> Reply {
    Reply::Done { message, subject: Some(vec![Field::new("uuid", "UUID", secret.uuid().to_string())]) }
}

fn define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let mut flags = DefineSecret::empty();
    flags.set(DefineSecret::VALIDATE, arguments.has("validate"));
    let secret = shell
        .connection()?
        .define_secret(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to set attributes from {}", document.name))?;
    shell.print(&done(&secret, format!("Secret {} created", secret.uuid())))
}

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let filters = [
        ("ephemeral", ListSecrets::EPHEMERAL),
        ("no-ephemeral", ListSecrets::NO_EPHEMERAL),
        ("private", ListSecrets::PRIVATE),
        ("no-private", ListSecrets::NO_PRIVATE),
    ];
    let filter = arguments.collect(&filters);
    let mut secrets = shell.connection()?.secrets(filter).context(|| "Failed to list secrets")?;
    secrets.sort_by_key(|secret| secret.uuid);
    let rows = secrets.iter().map(|secret| {
        let shown = match secret.usage_kind {
            SecretUsageKind::None => "Unused".to_owned(),
            kind => format!("{kind} {}", secret.usage),
        };
        vec![
            Field::new("uuid", "UUID", secret.uuid.to_string()),
            Field::new("usage", "Usage", secret.usage.as_str()).shown(shown),
            Field::new("usage_type", "Usage type", secret.usage_kind.text()),
            Field::new("ephemeral", "Ephemeral", secret.ephemeral),
            Field::new("private", "Private", secret.private),
        ]
    });
    let columns = vec![
        Column::new("uuid", "UUID"),
        Column::new("usage", "Usage"),
        Column::data("usage_type"),
        Column::data("ephemeral"),
        Column::data("private"),
    ];
    shell.print(&Reply::Table(Table { columns, rows: rows.collect() }))
}

fn get_value(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let value = secret(shell, arguments)?.value()?;
    if arguments.has("plain") && shell.output.format() == Format::Plain {
        // It need not be text.
        shell.output.flush();
        let written = std::io::stdout().write_all(&value).and_then(|()| std::io::stdout().flush());
        return written.map_err(|error| Failure::sentence(format!("failed to write secret: {error}")));
    }
    shell.print(&Reply::Value(Field::new("value", "Value", BASE64.encode(&*value))))
}

fn set_value(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    for (one, other) in [("file", "base64"), ("interactive", "base64"), ("interactive", "file")] {
        arguments.exclusive(one, other)?;
    }
    arguments.requires("plain", "file")?;
    let value = if let Some(file) = arguments.text("file")? {
        let bytes = read(file)?;
        if arguments.has("plain") { bytes } else { decode(&bytes)? }
    } else if let Some(text) = arguments.raw("base64") {
        shell.warn("Passing secret value as command-line argument is insecure!");
        decode(text.as_bytes())?
    } else {
        prompt()?
    };
    let secret = secret(shell, arguments)?;
    secret.set_value(&value).context(|| "Failed to set secret value")?;
    shell.print(&done(&secret, "Secret value set".to_owned()))
}

fn read(file: &str) -> Result<SecretValue, Failure> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file);
    let read = opened.and_then(|open| open.take(1 << 20).read_to_end(&mut bytes));
    read.map_err(|error| Failure::sentence(format!("Failed to open file '{file}': {error}")))?;
    Ok(bytes.into())
}

fn decode(text: &[u8]) -> Result<SecretValue, Failure> {
    let words = SecretValue::from(text.trim_ascii());
    BASE64.decode(&*words).map(Into::into).map_err(|_| Failure::sentence("Invalid base64 data"))
}

/// Asks on the terminal, which does not show what is typed.
fn prompt() -> Result<SecretValue, Failure> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage("Input secret value is missing"));
    }
    let cannot =
        |errno: nix::errno::Errno| Failure::sentence(format!("Failed to read secret: {}", errno.desc()));
    let usual = tcgetattr(&input).map_err(cannot)?;
    let mut silent = usual.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&input, SetArg::TCSAFLUSH, &silent).map_err(cannot)?;
    // Where standard error is closed nobody sees the question.
    let _ = write!(std::io::stderr(), "Enter new value for secret: ");
    let mut line = String::new();
    let read = input.read_line(&mut line);
    let restored = tcsetattr(&input, SetArg::TCSAFLUSH, &usual).map_err(cannot);
    let _ = writeln!(std::io::stderr());
    let value = SecretValue::from(line.into_bytes());
    restored?;
    read.map_err(|error| Failure::sentence(format!("Failed to read secret: {error}")))?;
    Ok(value.strip_suffix(b"\n").unwrap_or(&value).into())
}

const KINDS: [&str; 2] = ["lifecycle", "value-changed"];

fn event(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    if arguments.has("list") {
        return follow::list(shell, &KINDS);
    }
    let wanted = follow::wanted(arguments, &KINDS)?;
    let only = if arguments.has("secret") { Some(secret(shell, arguments)?.uuid()) } else { None };
    let events = shell.connection()?.secret_events().context(|| "Failed to register for events")?;
    follow::follow(shell, arguments, events, |event| {
        let kind = match event.kind {
            SecretEventKind::Lifecycle(_) => KINDS[0],
            SecretEventKind::ValueChanged => KINDS[1],
            _ => return None,
        };
        if kind != wanted || only.is_some_and(|uuid| uuid != event.uuid) {
            return None;
        }
        let mut line = format!("event '{kind}' for secret {}", event.uuid);
        let mut more: Record = vec![Field::new("uuid", "UUID", event.uuid.to_string())];
        if let SecretEventKind::Lifecycle(what) = event.kind {
            line.push_str(&format!(": {what}"));
            more.push(Field::new("type", "Type", what.text()));
        }
        Some(Shown::new(event.sequence, event.time, kind, line, more))
    })
}

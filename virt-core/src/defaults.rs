//! Which URI is meant: aliases and defaults, from the environment and the configuration file.

use std::path::PathBuf;

use virt_util::root::trusted_env;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// The variables with the default URI; the first that is set counts.
const VARIABLES: [&str; 2] = ["VIRT_DEFAULT_URI", "LIBVIRT_DEFAULT_URI"];

/// The URI that is meant by none: `VIRT_DEFAULT_URI`, `LIBVIRT_DEFAULT_URI`, `uri_default` of the configuration file, and
/// where all are silent the system's QEMU for root and the session's for everybody else.
///
/// # Errors
///
/// When the configuration file is not understood.
pub fn default_uri() -> Result<String> {
    let set = VARIABLES.iter().filter_map(|name| std::env::var(name).ok()).find(|uri| !uri.is_empty());
    let uri = match set {
        Some(uri) => Some(uri),
        None => Configuration::load()?.uri_default,
    };
    Ok(uri.unwrap_or_else(|| {
        let who = if nix::unistd::geteuid().is_root() { "system" } else { "session" };
        format!("qemu:///{who}")
    }))
}

/// The URI that `name` stands for: itself when it has a scheme, else an alias of the configuration file.
pub(crate) fn resolve(name: &str) -> Result<String> {
    if name.is_empty() {
        return default_uri();
    }
    if name.contains(':') {
        return Ok(name.to_owned());
    }
    Ok(Configuration::load()?.meant_by(name))
}

/// `libvirt.conf`: what clients are configured with.
#[derive(Debug, Default, PartialEq, Eq)]
struct Configuration {
    uri_default: Option<String>,
    aliases: Vec<(String, String)>,
}

impl Configuration {
    /// Ours where it exists, else libvirt's; nothing where neither does.
    fn load() -> Result<Self> {
        for path in Self::paths() {
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text, &path.display().to_string()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    let attempt = format!("cannot read '{}'", path.display());
                    return Err(Error::system(ErrorDomain::CONF, attempt, error));
                }
            }
        }
        Ok(Self::default())
    }

    /// The URI behind a word. An unknown one is left to the URI's own error, which names it.
    fn meant_by(&self, word: &str) -> String {
        let alias = self.aliases.iter().find(|(known, _)| known == word).map(|(_, uri)| uri.clone());
        // What Xen's was called before there were URIs.
        let old = word.eq_ignore_ascii_case("xen").then(|| "xen:///system".to_owned());
        alias.or(old).unwrap_or_else(|| word.to_owned())
    }

    fn paths() -> Vec<PathBuf> {
        let directory = if nix::unistd::geteuid().is_root() {
            PathBuf::from("/etc")
        } else if let Some(directory) = trusted_env("XDG_CONFIG_HOME") {
            directory.into()
        } else if let Some(home) = trusted_env("HOME") {
            PathBuf::from(home).join(".config")
        } else {
            return Vec::new();
        };
        vec![directory.join("virt/virt.conf"), directory.join("libvirt/libvirt.conf")]
    }

    /// libvirt's configuration syntax, as far as clients need it: `name = "text"` and `name = [ "text", .. ]`.
    fn parse(text: &str, file: &str) -> Result<Self> {
        let mut this = Self::default();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refuse = |why: &str| {
                Error::new(ErrorCode::CONF_SYNTAX, ErrorDomain::CONF, format!("{file}:{}: {why}", number + 1))
            };
            let (name, value) = line.split_once('=').ok_or_else(|| refuse("expecting an assignment"))?;
            let mut value = value.trim().to_owned();
            if value.starts_with('[') {
                while !unquoted(&value).any(|part| part.contains(']')) {
                    let (_, next) = lines.next().ok_or_else(|| refuse("list is not closed with ]"))?;
                    let next = next.trim();
                    if !next.starts_with('#') {
                        value.push(' ');
                        value.push_str(next);
                    }
                }
            }
            match name.trim() {
                "uri_default" => this.uri_default = strings(&value).into_iter().next(),
                "uri_aliases" => {
                    for alias in strings(&value) {
                        let (alias, uri) = alias.split_once('=').ok_or_else(|| {
                            refuse(&format!("Malformed 'uri_aliases' config entry '{alias}', expected 'alias=uri://host/path'"))
                        })?;
                        this.aliases.push((alias.to_owned(), uri.to_owned()));
                    }
                }
                // Settings for other parts of libvirt stand in the same file.
                _ => {}
            }
        }
        Ok(this)
    }
}

/// The quoted texts of a value.
fn strings(value: &str) -> Vec<String> {
    value.split(quote_of(value)).skip(1).step_by(2).map(str::to_owned).collect()
}

/// What stands between them.
fn unquoted(value: &str) -> impl Iterator<Item = &str> {
    value.split(quote_of(value)).step_by(2)
}

fn quote_of(value: &str) -> char {
    value.chars().find(|&character| matches!(character, '"' | '\'')).unwrap_or('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_and_the_default_are_read() {
        let text = "# comment\nuri_aliases = [\n  \"hail=qemu+ssh://root@[2001:db8::2]/system\",\n  # \"old=test:///x\",\n  \
                    \"s=test:///default\"\n]\n\
                    uri_default = \"qemu:///session\"\nkeepalive_count = 5\n";
        let read = Configuration::parse(text, "virt.conf").unwrap();
        assert_eq!(read.uri_default.as_deref(), Some("qemu:///session"));
        assert_eq!(read.aliases.len(), 2);
        for (word, meant) in [
            ("hail", "qemu+ssh://root@[2001:db8::2]/system"),
            ("s", "test:///default"),
            ("old", "old"),
            ("Xen", "xen:///system"),
        ] {
            assert_eq!(read.meant_by(word), meant);
        }
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let error = Configuration::parse("\nuri_aliases = [ \"hail\" ]", "virt.conf").unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration file syntax error: virt.conf:2: Malformed 'uri_aliases' config entry 'hail', expected \
             'alias=uri://host/path'"
        );
    }
}

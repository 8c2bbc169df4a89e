//! The administrator's settings: `qemu.conf` among the definitions, in libvirt's format.
//!
//! A line is `name = value`, a value is a number, a text in quotes, or a list of them in brackets; `#` begins a comment.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User as Account};
use virt_util::dir::Dir;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::spawn::User;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::command::Settings;

/// The name of the file.
pub(crate) const FILE: &str = "qemu.conf";

/// The accounts that distributions make for emulators.
const ACCOUNTS: &[&str] = &["virt-qemu", "libvirt-qemu", "qemu"];

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    values: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    Text(String),
    List(Vec<Value>),
}

impl Config {
    /// Reads the file in `dir`; without one nothing is set.
    pub(crate) fn read(dir: &Dir) -> Result<Self> {
        let Some(content) = file::read_if_present(dir, FILE, DOCUMENT_LIMIT)? else {
            return Ok(Self::default());
        };
        let path = dir.join(FILE);
        let text = String::from_utf8(content)
            .map_err(|error| wrong(&path, 1, "it is not UTF-8").caused_by(error))?;
        Parser { text: &text, at: 0, path: &path }.parse()
    }

    /// `settings` with what the file sets.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        let flags: [(&str, &mut bool); 12] = [
            ("log_timestamp", &mut settings.timestamps),
            ("dump_guest_core", &mut settings.dump_guest_core),
            ("nographics_allow_host_audio", &mut settings.nographics_allow_host_audio),
            ("vnc_tls", &mut settings.vnc_tls),
            ("vnc_tls_x509_verify", &mut settings.vnc_tls_verify),
            ("vnc_sasl", &mut settings.vnc_sasl),
            ("vnc_auto_unix_socket", &mut settings.vnc_auto_unix_socket),
            ("spice_tls", &mut settings.spice_tls),
            ("spice_sasl", &mut settings.spice_sasl),
            ("spice_auto_unix_socket", &mut settings.spice_auto_unix_socket),
            ("chardev_tls", &mut settings.chardev_tls),
            ("nbd_tls", &mut settings.nbd_tls),
        ];
        for (name, flag) in flags {
            if let Some(set) = self.flag(name) {
                *flag = set;
            }
        }
        let texts: [(&str, &mut String); 6] = [
            ("vnc_listen", &mut settings.vnc_listen),
            ("vnc_tls_x509_cert_dir", &mut settings.vnc_tls_dir),
            ("spice_listen", &mut settings.spice_listen),
            ("spice_tls_x509_cert_dir", &mut settings.spice_tls_dir),
            ("chardev_tls_x509_cert_dir", &mut settings.chardev_tls_dir),
            ("nbd_tls_x509_cert_dir", &mut settings.nbd_tls_dir),
        ];
        for (name, text) in texts {
            if let Some(set) = self.text(name) {
                set.clone_into(text);
            }
        }
        let own = |name: &str, setting: &mut Option<String>| {
            if let Some(set) = self.text(name) {
                *setting = Some(set.to_owned());
            }
        };
        own("vnc_password", &mut settings.vnc_password);
        own("spice_password", &mut settings.spice_password);
        own("vnc_sasl_dir", &mut settings.vnc_sasl_dir);
        settings.seccomp_sandbox = match self.values.get("seccomp_sandbox") {
            Some(Value::Number(number)) if *number >= 0 => Some(*number != 0),
            _ => settings.seccomp_sandbox,
        };
    }

    /// Whether images become the emulator's as long as a guest runs.
    pub(crate) fn dynamic_ownership(&self) -> bool {
        self.flag("dynamic_ownership").unwrap_or(true)
    }

    /// The user that emulators run as; nothing for the one we are. What the file does not say is, under the `system`
    /// directories, the first account that a distribution made for the purpose.
    pub(crate) fn user(&self, system: bool) -> Result<Option<User>> {
        let account = match self.text("user") {
            Some(name) => Some(account(name)?),
            None if system => {
                let known = ACCOUNTS.iter().find_map(|name| Account::from_name(name).ok()?);
                known.map(|account| (account.uid, account.gid, Some(account.name)))
            }
            None => None,
        };
        let Some((uid, own_group, name)) = account else { return Ok(None) };
        let gid = match self.text("group") {
            Some(name) => group(name)?,
            None => own_group,
        };
        if uid == nix::unistd::geteuid() {
            return Ok(None);
        }
        let name = name.and_then(|name| CString::new(name).ok());
        let groups = name.and_then(|name| nix::unistd::getgrouplist(&name, gid).ok()).unwrap_or_default();
        let groups = groups.into_iter().map(Gid::as_raw).collect();
        Ok(Some(User { uid: uid.as_raw(), gid: gid.as_raw(), groups }))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.values.get(name)? {
            Value::Number(number) => Some(*number != 0),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The account called `name`, or with the number in it (`+107`, or `107` where there is no such name).
fn account(name: &str) -> Result<(Uid, Gid, Option<String>)> {
    let missing = || no_such("user", name);
    if !name.starts_with('+')
        && let Some(account) = Account::from_name(name).map_err(|_| missing())?
    {
        return Ok((account.uid, account.gid, Some(account.name)));
    }
    let uid = name.trim_start_matches('+').parse().map_err(|_| missing())?;
    let uid = Uid::from_raw(uid);
    Ok(match Account::from_uid(uid) {
        Ok(Some(account)) => (uid, account.gid, Some(account.name)),
        _ => (uid, Gid::from_raw(uid.as_raw()), None),
    })
}

fn group(name: &str) -> Result<Gid> {
    let missing = || no_such("group", name);
    if !name.starts_with('+')
        && let Some(group) = Group::from_name(name).map_err(|_| missing())?
    {
        return Ok(group.gid);
    }
    name.trim_start_matches('+').parse().map(Gid::from_raw).map_err(|_| missing())
}

fn no_such(what: &str, name: &str) -> Error {
    let detail = format!("{FILE} names the {what} '{name}', which does not exist");
    Error::new(ErrorCode::CONF_SYNTAX, ErrorDomain::CONF, detail)
}

fn wrong(path: &Path, line: usize, what: &str) -> Error {
    Error::new(ErrorCode::CONF_SYNTAX, ErrorDomain::CONF, format!("{}:{line}: {what}", path.display()))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    path: &'a Path,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Config> {
        let mut config = Config::default();
        loop {
            self.skip(true);
            if self.rest().is_empty() {
                return Ok(config);
            }
            let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-').to_owned();
            if name.is_empty() {
                return Err(self.wrong("expecting a name"));
            }
            self.skip(false);
            self.expect('=', "expecting an assignment")?;
            self.skip(false);
            let value = self.value()?;
            config.values.insert(name, value);
            self.skip(false);
            if !self.rest().is_empty() && !self.rest().starts_with('\n') {
                return Err(self.wrong("expecting a separator"));
            }
        }
    }

    fn value(&mut self) -> Result<Value> {
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.at += 1;
                let Some(length) = self.rest().find(quote) else {
                    return Err(self.wrong("unterminated string"));
                };
                let text = self.rest().get(..length).unwrap_or_default().to_owned();
                self.at += length + 1;
                Ok(Value::Text(text))
            }
            Some('[') => {
                self.at += 1;
                let mut list = Vec::new();
                loop {
                    self.skip(true);
                    if self.rest().starts_with(']') {
                        self.at += 1;
                        return Ok(Value::List(list));
                    }
                    if !list.is_empty() {
                        self.expect(',', "expecting a separator in list")?;
                        self.skip(true);
                        // A comma behind the last one is no matter.
                        if self.rest().starts_with(']') {
                            continue;
                        }
                    }
                    list.push(self.value()?);
                }
            }
            _ => {
                let number = self.take(|c| c.is_ascii_digit() || c == '-').parse();
                number.map(Value::Number).map_err(|_| self.wrong("expecting a value"))
            }
        }
    }

    /// Skips spaces and comments, and with `lines` ends of lines.
    fn skip(&mut self, lines: bool) {
        loop {
            self.take(|c| c == ' ' || c == '\t' || c == '\r' || lines && c == '\n');
            if !self.rest().starts_with('#') {
                return;
            }
            self.take(|c| c != '\n');
        }
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let (start, length) = (self.at, self.rest().find(|c| !wanted(c)).unwrap_or(self.rest().len()));
        self.at += length;
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn expect(&mut self, wanted: char, otherwise: &str) -> Result<()> {
        if !self.rest().starts_with(wanted) {
            return Err(self.wrong(otherwise));
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, what: &str) -> Error {
        let before = self.text.get(..self.at).unwrap_or_default();
        wrong(self.path, before.matches('\n').count() + 1, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config> {
        Parser { text, at: 0, path: Path::new("/etc/virt/qemu/qemu.conf") }.parse()
    }

    #[test]
    fn a_file_of_libvirts_is_understood() {
        let text = "# The user\nuser = \"+0\"  # root\ncgroup_controllers = [ \"cpu\",\n  \"devices\",\n]\n\n\
                    vnc_listen = '::'\nvnc_password=\"x y\"\nlog_timestamp = 0\nseccomp_sandbox = -1";
        let config = parse(text).expect("understood");
        let list = vec![Value::Text("cpu".into()), Value::Text("devices".into())];
        assert_eq!(config.values.get("cgroup_controllers"), Some(&Value::List(list)));
        let mut settings = Settings::default();
        config.apply(&mut settings);
        assert_eq!(
            settings,
            Settings {
                vnc_listen: "::".into(),
                vnc_password: Some("x y".into()),
                timestamps: false,
                ..Settings::default()
            }
        );
        assert!(config.dynamic_ownership());
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let error = |text| parse(text).expect_err("wrong").to_string();
        let expected = "configuration file syntax error: /etc/virt/qemu/qemu.conf:2: unterminated string";
        assert_eq!(error("a = 1\nuser = \"x"), expected);
        for text in [
            "user",
            "user = ",
            "= 1",
            "user = \"a\" group = \"b\"",
            "list = [ 1 2 ]",
            "n = 99999999999999999999",
        ] {
            assert!(error(text).starts_with("configuration file syntax error: "), "{text}");
        }
    }

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let user = |text: &str| parse(text).expect("understood").user(false);
        assert_eq!(user("").expect("nobody"), None);
        let nobody = user("user = \"nobody\"\ngroup = \"+12345\"").expect("found").expect("not us");
        assert_eq!(nobody.gid, 12345);
        assert_eq!(
            user("user = \"+4242\"").expect("found").map(|user| (user.uid, user.gid)),
            Some((4242, 4242))
        );
        let error = user("user = \"no such account\"").expect_err("missing");
        assert!(
            error.to_string().ends_with("qemu.conf names the user 'no such account', which does not exist")
        );
    }
}

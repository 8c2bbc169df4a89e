//! Connection URIs, as libvirt has them: `driver[+transport]://[user@][host][:port]/[path][?name=value&..][#fragment]`.

use std::fmt;

use fluent_uri::pct_enc::{EStr, EString, encoder};
use fluent_uri::{Uri as Generic, UriRef};

use crate::{Error, ErrorCode, ErrorDomain, Result};

/// A connection URI.
///
/// ```
/// use virt_util::uri::Uri;
///
/// let uri: Uri = "qemu+ssh://root@[::1]:22/embed?root=/srv/my%20vms".parse()?;
/// assert_eq!((uri.driver(), uri.transport()), ("qemu", Some("ssh")));
/// assert_eq!((uri.user(), uri.host(), uri.port()), (Some("root"), Some("::1"), Some(22)));
/// assert_eq!(uri.parameter("root"), Some("/srv/my vms"));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    scheme: String,
    user: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    parameters: Vec<(String, String)>,
    fragment: Option<String>,
}

impl Uri {
    /// Everything before `://`, `qemu+ssh`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The driver that the scheme names, `qemu`.
    pub fn driver(&self) -> &str {
        self.scheme.split('+').next().unwrap_or_default()
    }

    /// How to get there, `ssh`.
    pub fn transport(&self) -> Option<&str> {
        self.scheme.split_once('+').map(|(_, transport)| transport)
    }

    /// Who to be there, with `:password` where it was given.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host, without the brackets of an IPv6 address; nothing for this one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Where the host listens; absent: where the transport usually does.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path, decoded, `/system`; empty where there is none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of the first parameter of this name, decoded. Parameters that a driver does not know are not an
    /// error: other drivers may know them.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All parameters, in order, decoded.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.parameters
    }

    /// What follows `#`.
    pub fn fragment(&self) -> Option<&str> {
        self.fragment.as_deref()
    }

    /// Whether another host, or a daemon on this one, is meant.
    pub fn is_remote(&self) -> bool {
        self.host.is_some() || self.transport().is_some()
    }

    /// What is meant where the host is called as a driver's daemons are, `qemu:///system` for `qemu://system`.
    pub fn with_forgotten_slash(&self) -> Option<String> {
        let place = self.host().filter(|host| matches!(*host, "system" | "session"))?;
        let has_places = matches!(self.driver(), "qemu" | "vbox" | "vz");
        let has_path = !matches!(self.path(), "" | "/");
        (has_places && !has_path).then(|| format!("{}:///{place}", self.scheme))
    }

    /// The same URI with this parameter set, or without it.
    #[must_use]
    pub fn with_parameter(mut self, name: &str, value: Option<&str>) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }
}

impl std::str::FromStr for Uri {
    type Err = Error;

    /// # Errors
    ///
    /// `INTERNAL_ERROR` with libvirt's sentence, that names the text; `NO_CONNECT` where only the driver is missing.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::URI, format!("Unable to parse URI {text}"))
                .hint(format!("{why}; a URI looks like qemu:///system or test:///default"))
        };
        let generic = Generic::parse(text).map_err(|error| match UriRef::parse(text) {
            // A word, where an alias was meant perhaps.
            Ok(_) if !text.is_empty() => {
                let detail = format!("URI '{text}' does not include a driver name");
                Error::new(ErrorCode::NO_CONNECT, ErrorDomain::URI, detail)
                    .hint("a URI looks like qemu:///system or test:///default")
            }
            _ => refuse(&error.to_string()),
        })?;
        let not_text = || refuse("an escape sequence does not decode to UTF-8");
        let authority = generic.authority();
        let host = authority.as_ref().map(fluent_uri::component::Authority::host);
        let host = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        let user = authority.as_ref().and_then(fluent_uri::component::Authority::userinfo);
        Ok(Self {
            scheme: generic.scheme().as_str().to_ascii_lowercase(),
            user: user.map(|user| decode(user).ok_or_else(not_text)).transpose()?,
            host: host.filter(|host| !host.is_empty()).map(str::to_owned),
            port: match authority.as_ref().and_then(fluent_uri::component::Authority::port) {
                Some(port) if !port.is_empty() => {
                    Some(port.as_str().parse().map_err(|_| refuse("the port is not a number up to 65535"))?)
                }
                _ => None,
            },
            path: decode(generic.path()).ok_or_else(not_text)?,
            parameters: match generic.query() {
                Some(query) => parameters(query.as_str()).ok_or_else(not_text)?,
                None => Vec::new(),
            },
            fragment: generic.fragment().map(|text| decode(text).ok_or_else(not_text)).transpose()?,
        })
    }
}

/// `a=1&b=2`, also with `;`. A name without `=` has an empty value; a value without a name is dropped.
fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split(['&', ';']).filter(|pair| !pair.is_empty() && !pair.starts_with('='));
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| decode(EStr::<fluent_uri::pct_enc::encoder::Query>::new(text)?);
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decode<E: fluent_uri::pct_enc::Encoder>(text: &EStr<E>) -> Option<String> {
    text.decode().to_string().ok().map(std::borrow::Cow::into_owned)
}

fn encode(text: &str) -> String {
    let mut out = EString::<encoder::Data>::new();
    out.encode_str::<encoder::Data>(text);
    out.into_string()
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = &self.user {
            let (name, password) = user.split_once(':').map_or((user.as_str(), None), |(a, b)| (a, Some(b)));
            write!(f, "{}", encode(name))?;
            if let Some(password) = password {
                write!(f, ":{}", encode(password))?;
            }
            write!(f, "@")?;
        }
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]")?,
            Some(host) => write!(f, "{host}")?,
            None => {}
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        let mut path = EString::<encoder::Path>::new();
        path.encode_str::<encoder::Path>(&self.path);
        write!(f, "{path}")?;
        for (number, (name, value)) in self.parameters.iter().enumerate() {
            let sign = if number == 0 { '?' } else { '&' };
            write!(f, "{sign}{}={}", encode(name), encode(value))?;
        }
        match &self.fragment {
            Some(fragment) => write!(f, "#{}", encode(fragment)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_and_written_again() {
        let table = [
            ("test:///default", None, None, "/default"),
            ("TEST://a.example:12/x%20y?p=1&q=%262#f", Some("a.example"), Some(12), "/x y"),
            ("test://u:p@[2001:db8::2]/", Some("2001:db8::2"), None, "/"),
            ("qemu+unix:///session", None, None, "/session"),
        ];
        for (text, host, port, path) in table {
            let uri: Uri = text.parse().unwrap();
            assert_eq!((uri.host(), uri.port(), uri.path()), (host, port, path), "{text}");
            assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri, "{text}");
        }
    }

    #[test]
    fn odd_parameters_are_libvirts() {
        let of = |text: &str| format!("test:///x?{text}").parse::<Uri>().unwrap().parameters().to_vec();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(of("k=v&k=w"), [pair("k", "v"), pair("k", "w")]);
        assert_eq!(of("k=%26v;l"), [pair("k", "&v"), pair("l", "")]);
        assert_eq!(of("k=&"), [pair("k", "")]);
        assert_eq!(of("=bogus&k=v"), [pair("k", "v")]);
    }

    #[test]
    fn nonsense_is_refused_with_the_text() {
        for text in ["", "://x", "test://h:99999/", "test:///%ff", "te st:///x"] {
            let error = text.parse::<Uri>().unwrap_err();
            assert_eq!(error.to_string(), format!("internal error: Unable to parse URI {text}"));
        }
        let error = "test".parse::<Uri>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "no connection driver available for URI 'test' does not include a driver name"
        );
    }

    #[test]
    fn a_forgotten_slash_is_found() {
        let suggestion = |text: &str| text.parse::<Uri>().unwrap().with_forgotten_slash();
        assert_eq!(suggestion("qemu://system").as_deref(), Some("qemu:///system"));
        assert_eq!(suggestion("qemu+ssh://session/").as_deref(), Some("qemu+ssh:///session"));
        for right in ["qemu:///system", "qemu://host/system", "qemu+ssh://system/system", "lxc://system"] {
            assert_eq!(suggestion(right), None, "{right}");
        }
    }
}

//! apt's lists of sources, in both formats: what a text offers, and a new entry derived from one that is there.

/// The ending that a release's suite gets for its backports.
pub(super) const BACKPORTS: &str = "-backports";

/// Whether a text has an entry in force for a suite.
pub(super) fn offers(text: &str, deb822: bool, suite: &str) -> bool {
    if deb822 { stanza_of(text, suite).is_some() } else { line_of(text, suite).is_some() }
}

/// The entry for a backports suite, made from the text's entry for the release that it belongs to: same place, same
/// keys, other suite. `None` where the text has none.
pub(super) fn derive(text: &str, deb822: bool, backports: &str) -> Option<String> {
    let release = backports.strip_suffix(BACKPORTS)?;
    if deb822 {
        let fields = stanza_of(text, release)?;
        let lines = fields.iter().map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "types" => format!("{name}: deb\n"),
            "suites" => format!("{name}: {backports}\n"),
            "components" => format!("{name}: main\n"),
            _ => format!("{name}:{value}\n"),
        });
        Some(lines.collect())
    } else {
        let line = line_of(text, release)?;
        Some(format!("deb {}{} {backports} main\n", line.options, line.place))
    }
}

/// An entry of the one-line format.
struct Line<'a> {
    /// `[...] ` with the brackets and the space, or nothing.
    options: String,
    place: &'a str,
}

fn line_of<'a>(text: &'a str, suite: &str) -> Option<Line<'a>> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb")?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (options, rest) = inner.split_once(']')?;
                (format!("[{}] ", options.trim()), rest)
            }
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace().take_while(|word| !word.starts_with('#'));
        let place = words.next()?;
        let matches = words.next()? == suite && words.any(|component| component == "main");
        matches.then_some(Line { options, place })
    })
}

/// The fields of the stanza that offers a suite's main packages, with their values as written.
fn stanza_of<'a>(text: &'a str, suite: &str) -> Option<Vec<(&'a str, String)>> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).find_map(|stanza| {
        let fields = fields_of(stanza);
        let has = |wanted: &str, word: &str| {
            let value = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            value.is_some_and(|(_, value)| value.split_whitespace().any(|each| each == word))
        };
        let in_force = !has("Enabled", "no");
        (in_force && has("Types", "deb") && has("Suites", suite) && has("Components", "main"))
            .then_some(fields)
    })
}

fn fields_of<'a>(stanza: &[&'a str]) -> Vec<(&'a str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in stanza {
        if line.starts_with([' ', '\t']) {
            // A value goes on, as an embedded key does over many lines.
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name, value.to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::{derive, offers};

    const STANZAS: &str = "\
Types: deb deb-src
# a remark
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY
";

    #[test]
    fn a_stanza_keeps_place_and_keys() {
        let derived = derive(STANZAS, true, "bookworm-backports").unwrap();
        assert_eq!(
            derived,
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n\
             Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY\n"
        );
        assert!(offers(&derived, true, "bookworm-backports"));
    }

    #[test]
    fn a_line_keeps_place_and_options() {
        let text = "# deb http://old.example/ bookworm main\n\
                    deb-src http://mirror.example/debian bookworm main\n\
                    deb [ arch=amd64 signed-by=/k.gpg ]  http://mirror.example/debian bookworm main contrib # all\n";
        assert_eq!(
            derive(text, false, "bookworm-backports").unwrap(),
            "deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm-backports main\n"
        );
    }

    #[test]
    fn what_is_not_in_force_is_not_taken() {
        let disabled = STANZAS
            .replace("Types: deb deb-src\nURIs: http://mirror.example/debian\n", "Types: deb\nEnabled: no\n");
        assert_eq!(derive(&disabled, true, "bookworm-backports"), None);
        assert_eq!(derive("deb http://mirror.example/ trixie main\n", false, "bookworm-backports"), None);
        assert!(!offers(STANZAS, true, "bookworm-backports"));
        assert!(offers(STANZAS, true, "bookworm-updates"));
    }
}

//! Domain documents, as far as they need no hypervisor.

use anyhow::Result;
use virt_conf::domain::{DomainHooks, Features, Neutral};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions};
use virt_util::{Error, ErrorCode, ErrorDomain};

use super::{Case, Expected, Kind, Outcome, equal_text, equal_xml};

/// `domain`
pub(super) struct Domain;

impl Kind for Domain {
    fn name(&self) -> &'static str {
        "domain"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        match (case.expectation, case.params.value("needs")) {
            ("roundtrip" | "output", Some("none")) => written(case),
            ("parse-error", Some("none")) => refused(case),
            ("semantic", _) => meant(case),
            ("schema-valid", _) => known(case),
            ("roundtrip" | "output", Some("qemucaps")) => {
                let (input, expected) = (case.input()?, case.expected_text()?);
                let mut flags = FormatFlags::SECURE;
                flags.set(FormatFlags::INACTIVE, !case.params.is("format", "active"));
                Ok(match super::qemu_argv::parse(case, &input)? {
                    Ok(mut domain) => {
                        if case.params.is("format", "active") {
                            domain.id.get_or_insert(1337);
                        }
                        equal_text(&input, &expected, &domain.to_xml(&FormatOptions::from(flags)))
                    }
                    Err(error) => Outcome::Failed(format!("refused: {error:#}\n")),
                })
            }
            ("parse-error", Some("qemucaps")) => {
                refusal(case, super::qemu_argv::parse(case, &case.input()?)?.map(drop))
            }
            _ => Ok(Outcome::Skipped("nothing runs this expectation yet")),
        }
    }
}

/// libvirt's neutral parser: it knows no hypervisor's namespace.
struct LibvirtNeutral {
    /// Whether a name may contain a slash: its tests of running guests say no.
    slash: bool,
}

impl DomainHooks for LibvirtNeutral {
    fn features(&self) -> Features {
        let mut features = Neutral.features();
        features.set(Features::NAME_SLASH, self.slash);
        features
    }

    fn namespaces(&self) -> &'static [&'static str] {
        &[]
    }
}

fn parse(case: &Case<'_>, text: &str) -> virt_util::Result<virt_conf::model::Domain> {
    let mut flags = ParseFlags::empty();
    if !case.params.is("live", "1") {
        flags |= ParseFlags::INACTIVE;
    }
    if case.params.is("abi_update", "1") {
        flags |= ParseFlags::ABI_UPDATE;
    }
    let hooks = LibvirtNeutral { slash: flags.contains(ParseFlags::INACTIVE) };
    virt_conf::model::Domain::from_xml(text, &ParseOptions::from(flags), &hooks)
}

fn written(case: &Case<'_>) -> Result<Outcome> {
    let (input, expected) = (case.input()?, case.expected_text()?);
    let domain = match parse(case, &input) {
        Ok(domain) => domain,
        Err(error) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
    };
    let write = |flags| domain.to_xml(&FormatOptions::from(flags));
    if case.params.is("live", "1") {
        // Which view libvirt's test asked for is only to be seen in its output.
        let views = [FormatFlags::SECURE, FormatFlags::SECURE | FormatFlags::INACTIVE];
        let mut tried = views.map(|view| equal_text(&input, &expected, &write(view))).into_iter();
        return Ok(tried
            .find(|outcome| *outcome == Outcome::Passed)
            .unwrap_or_else(|| equal_text(&input, &expected, &write(FormatFlags::empty()))));
    }
    let mut flags = FormatFlags::SECURE;
    if !case.params.is("mode", "inactive,no-driver-hooks") {
        flags |= FormatFlags::INACTIVE;
    }
    Ok(equal_text(&input, &expected, &write(flags)))
}

fn refused(case: &Case<'_>) -> Result<Outcome> {
    refusal(case, parse(case, &case.input()?).map(drop))
}

/// A document of which only the schema is asked: strict reading knows every name in it.
fn known(case: &Case<'_>) -> Result<Outcome> {
    let options = ParseOptions { strict: true, ..ParseOptions::inactive() };
    Ok(match virt_conf::model::Domain::parse(&case.input()?, &options) {
        Ok(_) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("refused: {error:#}\n")),
    })
}

/// What libvirt refuses with one sentence, we must refuse with the same.
pub(super) fn refusal(case: &Case<'_>, read: virt_util::Result<()>) -> Result<Outcome> {
    let wanted = sentence(case)?;
    Ok(match (read, wanted) {
        (Ok(()), wanted) => {
            Outcome::Failed(format!("accepted, libvirt says: {}\n", wanted.unwrap_or_default()))
        }
        (Err(error), Some(wanted)) => same_error(case, &wanted, &error),
        (Err(_), None) => Outcome::Passed,
    })
}

/// libvirt's sentence, from the expected file or the case's settings.
fn sentence(case: &Case<'_>) -> Result<Option<String>> {
    Ok(match case.expected() {
        Expected::File(_) => Some(case.expected_text()?.trim_end().to_owned()),
        _ => case.params.value("err").map(str::to_owned),
    })
}

fn same_error(case: &Case<'_>, wanted: &str, error: &Error) -> Outcome {
    if error.message() != wanted {
        return Outcome::Failed(format!("-{wanted}\n+{error:#}\n"));
    }
    let numbers = case.params.value("errcode").and_then(|text| text.split_once('/'));
    let Some((code, domain)) = numbers else { return Outcome::Passed };
    let wanted = (code.parse().ok().map(ErrorCode), domain.parse().ok().map(ErrorDomain));
    if wanted == (Some(error.code()), Some(error.domain())) {
        return Outcome::Passed;
    }
    Outcome::Failed(format!("-{code}/{domain}\n+{}/{}: {error:#}\n", error.code().0, error.domain().0))
}

/// A document by another project: libvirt's own answer to it, by meaning.
fn meant(case: &Case<'_>) -> Result<Outcome> {
    let input = case.input()?;
    let options = ParseOptions::inactive();
    let parsed = virt_conf::model::Domain::from_xml(&input, &options, &LibvirtNeutral { slash: true });
    if case.params.is("oracle", "refused") {
        return refusal(case, parsed.map(drop));
    }
    let domain = match parsed {
        Ok(domain) => domain,
        Err(error) => return Ok(Outcome::Failed(format!("refused: {error:#}\n"))),
    };
    same_meaning(case, &input, &domain.to_xml(&FormatOptions::from(FormatFlags::SECURE)))
}

/// What we write means what libvirt writes, generated values aside.
pub(super) fn same_meaning(case: &Case<'_>, input: &str, ours: &str) -> Result<Outcome> {
    let expected = case.expected_text()?;
    Ok(match equal_xml(&expected, ours)? {
        None => Outcome::Passed,
        Some(difference) => match equal_text(input, &expected, ours) {
            Outcome::Passed => Outcome::Passed,
            _ => Outcome::Failed(format!("{difference}\n")),
        },
    })
}

//! `domid`, `domname`, `domuuid`, `domrename`

use super::done;
use crate::command::{Command, Opt, Outcome, Values, domain};
use crate::grammar::Arguments;
use crate::output::{Field, Reply};
use crate::shell::{By, Shell};

pub(super) static DOMID: Command = Command {
    name: "domid",
    summary: "convert a domain name or UUID to domain id",
    description: "",
    options: &[domain("domain name or uuid", Values::AllDomains)],
    run: |shell, arguments| {
        let id = shell.domain_by(arguments, By::NameOrUuid)?.id()?;
        shell.print(&Reply::Value(Field::new("id", "Id", id)))
    },
};

pub(super) static DOMNAME: Command = Command {
    name: "domname",
    summary: "convert a domain id or UUID to domain name",
    description: "",
    options: &[domain("domain id or uuid", Values::None)],
    run: |shell, arguments| {
        let domain = shell.domain_by(arguments, By::IdOrUuid)?;
        shell.print(&Reply::Value(Field::new("name", "Name", domain.name())))
    },
};

pub(super) static DOMUUID: Command = Command {
    name: "domuuid",
    summary: "convert a domain name or id to domain UUID",
    description: "",
    options: &[domain("domain id or name", Values::AllDomains)],
    run: |shell, arguments| {
        let domain = shell.domain_by(arguments, By::IdOrName)?;
        shell.print(&Reply::Value(Field::new("uuid", "UUID", domain.uuid().to_string())))
    },
};

pub(super) static DOMRENAME: Command = Command {
    name: "domrename",
    summary: "rename a domain",
    description: "Rename an inactive domain.",
    options: &[
        domain("domain name or uuid", Values::InactiveDomains),
        Opt::text("new-name", "new domain name").required(),
    ],
    run: rename,
};

fn rename(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain_by(arguments, By::NameOrUuid)?;
    let renamed = domain.rename(arguments.required("new-name")?)?;
    shell.print(&done(&renamed, "Domain successfully renamed".to_owned()))
}

//! The simulated hosts: the default one, and those that `<node>` documents describe.

use std::path::{Path, PathBuf};

use roxmltree::{Document, Node as Element};
use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_core::driver::{DomainState, Error, ErrorCode, ErrorDomain, NodeInfo, Result};

use crate::definition::{self, Definition};
use crate::engine::{Beginning, Devices, Network, Node, Object, Objects, Pool, later};
use crate::{caps, defaults, error};

/// The namespace of this driver's own elements in a domain.
const NAMESPACE: &str = "http://libvirt.org/schemas/domain/test/1.0";

/// The name and UUID of the guest, as they stand there.
const DEFAULT_NAME: &str = "test";
const DEFAULT_UUID: Uuid = Uuid::from_u128(0x6695_eb01_f6a4_8304_79aa_97f2_502e_193f);

/// The default host, with its guest running.
pub(crate) fn default_node() -> Result<Node> {
    let mut node = Node::new(caps::node_info(), true);
    node.networks = later(|| filled(|networks| add_network(networks, defaults::NETWORK)));
    node.pools = later(|| filled(|pools| add_pool(pools, defaults::POOL).map(drop)));
    node.devices = later(|| {
        let devices = Devices::default();
        let added = defaults::DEVICES.into_iter().try_for_each(|xml| add_device(&devices, xml));
        added.unwrap_or_else(|error| log::error!("the default devices: {error}"));
        devices
    });
    let read = || definition::read(defaults::GUEST, false);
    let later = Definition::later(move || {
        read().unwrap_or_else(|error| {
            log::error!("the default guest: {error}");
            Domain::default()
        })
    });
    node.begin_with(DEFAULT_NAME, DEFAULT_UUID, later, RUNNING)?;
    Ok(node)
}

/// A table with something in it from the beginning; nobody looks at most of them, and then they are not read.
fn filled<T: Object>(fill: impl FnOnce(&Objects<T>) -> Result<()>) -> Objects<T> {
    let objects = Objects::default();
    fill(&objects).unwrap_or_else(|error| log::error!("a default {}: {error}", T::KIND));
    objects
}

fn add_network(networks: &Objects<Network>, xml: &str) -> Result<()> {
    let network = virt_conf::model::Network::from_xml(xml, &ParseOptions::from(ParseFlags::INACTIVE))?;
    let uuid = network.uuid.unwrap_or_else(Uuid::new_v4);
    networks.begin_with(&network.name.clone(), uuid, network)
}

/// Answers its UUID.
fn add_pool(pools: &Objects<Pool>, xml: &str) -> Result<Uuid> {
    let pool: virt_conf::model::StoragePool = xml.parse()?;
    let uuid = pool.uuid.unwrap_or_else(Uuid::new_v4);
    pools.begin_with(&pool.name.clone(), uuid, pool)?;
    Ok(uuid)
}

fn add_device(devices: &Devices, xml: &str) -> Result<()> {
    devices.begin_with(xml.parse()?);
    Ok(())
}

const RUNNING: Beginning = Beginning { state: DomainState::Running, transient: false, managed_save: false };

/// The host that the document in this file describes.
pub(crate) fn node_from_file(path: &Path) -> Result<Node> {
    let text = read(path)?;
    let document = parse(&text, path)?;
    let root = document.root_element();
    if root.tag_name().name() != "node" {
        let name = root.tag_name().name();
        return Err(refuse(format!("expecting root element of 'node', not '{name}'"), ErrorDomain::XML));
    }
    let node = Node::new(node_info(root)?, false);
    each(root, path, "domain", |element| begin(&node, element))?;
    each(root, path, "network", |element| add_network(&node.networks, &standing_alone(element)))?;
    each(root, path, "pool", |element| {
        let pool = add_pool(&node.pools, &standing_alone(element))?;
        each(element, path, "volume", |volume| {
            let volume = standing_alone(volume).parse()?;
            node.pools.write().change(pool, |pool| pool.begin_with(volume))
        })
    })?;
    each(root, path, "device", |element| add_device(&node.devices, &standing_alone(element)))?;
    Ok(node)
}

/// Every element of this name, which stands in the document itself or in a file that it names.
fn each(
    parent: Element<'_, '_>,
    path: &Path,
    name: &'static str,
    mut work: impl FnMut(Element<'_, '_>) -> Result<()>,
) -> Result<()> {
    for element in children(parent, name) {
        match element.attribute("file") {
            None => work(element)?,
            Some(file) => {
                let path = beside(path, file);
                let text = read(&path)?;
                work(parse(&text, &path)?.root_element())?;
            }
        }
    }
    Ok(())
}

/// A relative path counts from the directory of the document that has it.
fn beside(path: &Path, file: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).join(file)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| error::file(path, error))
}

fn parse<'a>(text: &'a str, path: &Path) -> Result<Document<'a>> {
    Document::parse(text).map_err(|error| {
        let detail = format!("{}:{}: {error}", path.display(), error.pos().row);
        Error::new(ErrorCode::XML_DETAIL, ErrorDomain::NONE, detail)
    })
}

/// `<cpu>` and `<memory>`; what is left out is as on the default host.
fn node_info(root: Element<'_, '_>) -> Result<NodeInfo> {
    let mut info = caps::node_info();
    if let Some(cpu) = children(root, "cpu").next() {
        let fields = [
            ("nodes", &mut info.nodes),
            ("sockets", &mut info.sockets),
            ("cores", &mut info.cores),
            ("threads", &mut info.threads),
            ("active", &mut info.cpus),
            ("mhz", &mut info.mhz),
        ];
        for (name, field) in fields {
            if let Some(text) = text_of(cpu, name) {
                let what =
                    if name == "active" { "node active cpu".into() } else { format!("node cpu {name}") };
                *field = number(&text, &what)?;
            }
        }
        info.model = text_of(cpu, "model").unwrap_or(info.model);
    }
    if let Some(text) = text_of(root, "memory") {
        info.memory = number(&text, "node memory")?;
    }
    Ok(info)
}

/// Adds a guest as `<test:runstate>`, `<test:transient>` and `<test:hasmanagedsave>` want it.
fn begin(node: &Node, element: Element<'_, '_>) -> Result<()> {
    let own = |name: &'static str| {
        let is_own = move |it: &Element<'_, '_>| it.has_tag_name((NAMESPACE, name));
        element.children().find(is_own)
    };
    let xml = standing_alone(element);
    let domain = definition::read(&xml, false)?;
    let mut beginning = RUNNING;
    if let Some(text) = own("runstate").map(|it| it.text().unwrap_or_default().trim().to_owned()) {
        let state: i32 = number(&text, "runstate")?;
        let known = DomainState::ALL.iter().find(|known| known.number() == state);
        let range = || refuse(format!("runstate '{state}' out of range'"), ErrorDomain::TEST);
        beginning.state = *known.ok_or_else(range)?;
    }
    beginning.transient = own("transient").is_some();
    if beginning.transient && !beginning.state.is_active() {
        let sentence = "transient domain cannot have runstate 'shutoff'";
        return Err(refuse(sentence, ErrorDomain::TEST));
    }
    beginning.managed_save = own("hasmanagedsave").is_some();
    if beginning.managed_save && beginning.state.is_active() {
        let sentence = "domain with managedsave data can only have runstate 'shutoff'";
        return Err(refuse(sentence, ErrorDomain::TEST));
    }
    let uuid = domain.uuid.unwrap_or_else(Uuid::new_v4);
    node.begin_with(&domain.name.clone(), uuid, domain.into(), beginning)
}

/// The text of an element, with the namespaces that the document declares around it.
fn standing_alone(element: Element<'_, '_>) -> String {
    let text = element.document().input_text();
    let text = text.get(element.range()).unwrap_or_default();
    let name = text.find(|c: char| c.is_whitespace() || c == '/' || c == '>').unwrap_or(text.len());
    let (start, rest) = text.split_at(name);
    let tag = rest.split('>').next().unwrap_or_default();
    let around = element.namespaces().filter_map(|namespace| {
        let attribute = format!("xmlns:{}=", namespace.name().filter(|name| *name != "xml")?);
        let declared_here = tag.contains(&attribute);
        (!declared_here).then(|| format!(" {attribute}\"{}\"", namespace.uri().replace('"', "&quot;")))
    });
    format!("{start}{}{rest}", around.collect::<String>())
}

fn children<'a, 'input>(
    parent: Element<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Element<'a, 'input>> {
    parent.children().filter(move |child| child.has_tag_name(name))
}

fn text_of(parent: Element<'_, '_>, name: &'static str) -> Option<String> {
    let text = children(parent, name).next()?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn number<T: std::str::FromStr>(text: &str, what: &str) -> Result<T> {
    text.parse().map_err(|_| refuse(format!("invalid {what} value"), ErrorDomain::TEST))
}

fn refuse(sentence: impl AsRef<str>, domain: ErrorDomain) -> Error {
    Error::new(ErrorCode::XML_ERROR, domain, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_guest_is_who_it_is_said_to_be() {
        let domain = definition::read(defaults::GUEST, true).unwrap();
        assert_eq!((&*domain.name, domain.uuid), (DEFAULT_NAME, Some(DEFAULT_UUID)));
    }
}

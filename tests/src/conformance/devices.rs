//! Devices: given to guests, changed and taken away; in the definition, while they run, or both.

use virt_core::{
    DeviceChange, Domain, DomainEventKind, DomainXml, ErrorCode, EventKind, Events, Notice, StartDomain,
    TypedValue,
};

use super::Behaviour;
use super::host::PATIENCE;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a definition gets devices and loses them", definition),
    ("a running guest gets devices and loses them", running),
    ("a change of a device affects what it says it does", both),
    ("a device that cannot be is refused, and changes nothing", refusals),
];

const MAC: &str = "52:54:00:c0:0f:01";

/// An element of the XML of a card, beside those that every driver is given.
fn with(card: &str, element: &str) -> String {
    card.replacen("</interface>", &format!("{element}</interface>"), 1)
}

/// The card as the guest's XML has it: nothing when it has none of this address.
fn card_in(xml: &str) -> Option<&str> {
    let mac = xml.find(MAC)?;
    let begin = xml.get(..mac)?.rfind("<interface")?;
    let end = xml.get(mac..)?.find("</interface>")? + mac;
    xml.get(begin..end)
}

fn alias_of(card: &str) -> Option<&str> {
    card.split_once("<alias name='")?.1.split('\'').next()
}

fn is_down(xml: &str) -> Option<bool> {
    card_in(xml).map(|card| card.contains("<link state='down'/>"))
}

impl Probe<'_> {
    fn card(&self) -> String {
        // A name of the user's own is the same for every driver.
        with(&self.subject.card.with("mac", MAC), "<alias name='ua-card'/>")
    }

    /// Whether the card's link is down, in the definition and as it runs; nothing where it is not there.
    fn links(&self, guest: &Domain) -> Result<[Option<bool>; 2], Ended> {
        let inactive = self.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
        let live = self.did("Domains.xml", guest.xml(DomainXml::empty()))?;
        Ok([is_down(&inactive), is_down(&live)])
    }

    fn links_are(
        &self,
        call: &'static str,
        guest: &Domain,
        definition: Option<bool>,
        live: Option<bool>,
    ) -> Result<(), Ended> {
        let what = "the card's link (down? in the definition, as it runs)";
        self.same(call, what, self.links(guest)?, [definition, live])
    }

    /// Waits for the event that says that a device has come or gone; answers the alias that it names.
    fn told(&self, events: &mut Events, guest: &Domain, wanted: EventKind) -> Result<String, Ended> {
        loop {
            let event = match self.did("EventSource.next", events.next_within(PATIENCE))? {
                Some(Notice::Event(event)) => event,
                Some(_) => continue,
                None => {
                    self.holds("EventSource.next", &format!("{wanted:?} comes"), false)?;
                    continue;
                }
            };
            let DomainEventKind::Other { kind, parameters, .. } = event.kind else { continue };
            if kind != wanted || event.domain.uuid != guest.uuid() {
                continue;
            }
            let alias = parameters.into_iter().find_map(|parameter| match parameter.value {
                TypedValue::Text(alias) if parameter.field == "devAlias" => Some(alias),
                _ => None,
            });
            self.holds("EventSource.next", "it names the device", alias.is_some())?;
            return Ok(alias.unwrap_or_default());
        }
    }
}

fn definition(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let card = probe.card();
    let before = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
    probe.did("Devices.attach", guest.attach_device(&card, DeviceChange::CONFIG))?;
    probe.links_are("Devices.attach", &guest, Some(false), Some(false))?;
    let changed = with(&card, "<link state='down'/>");
    probe.did("Devices.update", guest.update_device(&changed, DeviceChange::CONFIG))?;
    probe.links_are("Devices.update", &guest, Some(true), Some(true))?;
    // Of a guest that is off, a call that does not say affects the definition.
    probe.did("Devices.update", guest.update_device(&card, DeviceChange::empty()))?;
    probe.links_are("Devices.update", &guest, Some(false), Some(false))?;
    probe.did("Devices.detach", guest.detach_device(&card, DeviceChange::CONFIG))?;
    let after = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
    probe.same("Devices.detach", "what is left", after, before)
}

fn running(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let mut events = probe.did("Events.subscribe", probe.connection.events())?;
    let card = probe.card();
    probe.did("Devices.attach", guest.attach_device(&card, DeviceChange::LIVE))?;
    probe.links_are("Devices.attach", &guest, None, Some(false))?;
    let named = probe.told(&mut events, &guest, EventKind::DeviceAdded)?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    let alias = card_in(&xml).and_then(alias_of).unwrap_or_default().to_owned();
    probe.same("Devices.attach", "the alias that the event names", named, alias.clone())?;
    probe.did(
        "Devices.update",
        guest.update_device(&with(&card, "<link state='down'/>"), DeviceChange::LIVE),
    )?;
    probe.links_are("Devices.update", &guest, None, Some(true))?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    let kept = card_in(&xml).and_then(alias_of).unwrap_or_default().to_owned();
    probe.same("Devices.update", "the alias", kept, alias.clone())?;
    // Of a running guest, a call that does not say affects what runs.
    probe.did("Devices.update", guest.update_device(&card, DeviceChange::empty()))?;
    probe.links_are("Devices.update", &guest, None, Some(false))?;
    let unknown = guest.detach_device_alias("no-such-alias", DeviceChange::LIVE);
    probe.refused("Devices.detach_alias", unknown, &[ErrorCode::DEVICE_MISSING])?;
    probe.did("Devices.detach_alias", guest.detach_device_alias(&alias, DeviceChange::LIVE))?;
    let named = probe.told(&mut events, &guest, EventKind::DeviceRemoved)?;
    probe.same("Devices.detach_alias", "the alias that the event names", named, alias)?;
    probe.links_are("Devices.detach_alias", &guest, None, None)?;
    probe.did("Devices.attach", guest.attach_device(&card, DeviceChange::LIVE))?;
    probe.did("Devices.detach", guest.detach_device(&card, DeviceChange::empty()))?;
    probe.links_are("Devices.detach", &guest, None, None)
}

fn both(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let card = probe.card();
    let both = DeviceChange::LIVE | DeviceChange::CONFIG;
    probe.did("Devices.attach", guest.attach_device(&card, both))?;
    probe.links_are("Devices.attach", &guest, Some(false), Some(false))?;
    let changed = with(&card, "<link state='down'/>");
    probe.did("Devices.update", guest.update_device(&changed, DeviceChange::CONFIG))?;
    probe.links_are("Devices.update", &guest, Some(true), Some(false))?;
    probe.did("Devices.update", guest.update_device(&changed, both))?;
    probe.links_are("Devices.update", &guest, Some(true), Some(true))?;
    probe.did("Devices.detach", guest.detach_device(&card, DeviceChange::CONFIG))?;
    probe.links_are("Devices.detach", &guest, None, Some(true))?;
    probe.did("Devices.detach", guest.detach_device(&card, DeviceChange::LIVE))?;
    probe.links_are("Devices.detach", &guest, None, None)
}

fn refusals(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let card = probe.card();
    let before = probe.did("Domains.xml", guest.xml(DomainXml::empty()))?;
    let missing = &[ErrorCode::DEVICE_MISSING];
    probe.refused("Devices.detach", guest.detach_device(&card, DeviceChange::CONFIG), missing)?;
    probe.refused("Devices.update", guest.update_device(&card, DeviceChange::CONFIG), missing)?;
    let alias = guest.detach_device_alias("no-such-alias", DeviceChange::CONFIG);
    probe.refused("Devices.detach_alias", alias, missing)?;
    let off = &[ErrorCode::OPERATION_INVALID];
    probe.refused("Devices.attach", guest.attach_device(&card, DeviceChange::LIVE), off)?;
    probe.refused("Devices.update", guest.update_device(&card, DeviceChange::LIVE), off)?;
    probe.refused("Devices.detach", guest.detach_device(&card, DeviceChange::LIVE), off)?;
    let wrong = &[ErrorCode::XML_ERROR, ErrorCode::XML_DETAIL];
    for xml in ["", "<interface", "<no-such-device/>", "<interface type='no-such-type'/>"] {
        probe.refused("Devices.attach", guest.attach_device(xml, DeviceChange::CONFIG), wrong)?;
    }
    let unknown = guest.attach_device(&card, DeviceChange::from_bits_retain(1 << 30));
    probe.refused("Devices.attach", unknown, &[ErrorCode::INVALID_ARG])?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("Domains.lookup_by_uuid", reader.domain_by_uuid(guest.uuid()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("Devices.attach", same.attach_device(&card, DeviceChange::CONFIG), denied)?;
    probe.refused("Devices.detach", same.detach_device(&card, DeviceChange::CONFIG), denied)?;
    probe.refused("Devices.update", same.update_device(&card, DeviceChange::CONFIG), denied)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let twice = with(&card, "");
    probe.did("Devices.attach", guest.attach_device(&twice, DeviceChange::LIVE))?;
    // What cannot be another kind of thing while it runs stays what it is.
    let other = twice.replacen("type='user'", "type='ethernet'", 1);
    let refused = guest.update_device(&other, DeviceChange::LIVE);
    probe.refused("Devices.update", refused, &[ErrorCode::OPERATION_UNSUPPORTED])?;
    let xml = probe.did("Domains.xml", guest.xml(DomainXml::INACTIVE))?;
    probe.same("Devices.update", "the definition", xml, before)
}

//! The guest's life, through the library as an application uses it.

use std::io::{BufRead, BufReader, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use console::style;
use serde_json::Value;
use virt_core::{
    Connection, DefineDomain, Domain, DomainEvent, DomainEventKind, DomainState, LifecycleEvent, Notice,
    OpenConsole, ShutdownDomain, StartDomain, Stream, Subscription, UndefineDomain,
};
use virt_tests::guest::Guest;

use crate::ui;

/// How long the guest may take for what takes it seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// How much of a plan's value is shown in one line.
const LINE: usize = 100;

/// A connection, the guest on it, and what was heard of it.
pub(super) struct Session {
    connection: Connection,
    guest: Option<Domain>,
    console: Option<BufReader<Stream>>,
    incoming: Receiver<Notice>,
    events: Vec<DomainEvent>,
    _subscription: Subscription,
}

impl Session {
    pub(super) fn open(uri: &str) -> Result<Session> {
        let begin = Instant::now();
        let connection = Connection::builder().uri(uri).timeout(PATIENCE).open()?;
        let (sender, incoming) = channel();
        // Nobody receives any more once the session has ended.
        let subscription = connection.on_event(move |notice| _ = sender.send(notice))?;
        ui::good(&format!(
            "connected to {} through its driver, loaded from its file ({})",
            connection.hypervisor()?,
            ui::elapsed(begin.elapsed())
        ));
        let events = Vec::new();
        Ok(Session { connection, guest: None, console: None, incoming, events, _subscription: subscription })
    }

    pub(super) fn define(&mut self, xml: &str) -> Result<()> {
        let guest = self.connection.define_domain(xml, DefineDomain::empty())?;
        ui::good(&format!("defined {}, {}", guest.name(), guest.uuid()));
        self.guest = Some(guest);
        Ok(())
    }

    pub(super) fn undefine(&mut self) -> Result<()> {
        self.guest()?.undefine(UndefineDomain::empty())?;
        self.guest = None;
        Ok(())
    }

    /// Shows the plan: nothing of it is done.
    pub(super) fn plan(&self) -> Result<()> {
        let plan: Value = serde_json::from_str(&self.guest()?.plan(StartDomain::empty())?)?;
        show_plan(&plan);
        Ok(())
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let guest = self.guest()?;
        guest.start(StartDomain::empty())?;
        ui::good(&format!("{} is {}", guest.name(), guest.state()?));
        Ok(())
    }

    /// Starts the guest with its CPUs stopped, opens its console, lets it go, and shows what it says until it is up.
    pub(super) fn boot(&mut self) -> Result<()> {
        let begin = Instant::now();
        let guest = self.guest()?.clone();
        guest.start(StartDomain::PAUSED)?;
        ui::good(&format!("started, its CPUs still stopped ({})", ui::elapsed(begin.elapsed())));
        let stream = guest.open_console(None, OpenConsole::empty())?.with_timeout(PATIENCE);
        self.console = Some(BufReader::new(stream));
        guest.resume()?;
        self.show_console_until(|line| line.contains(Guest::READY))?;
        ui::good(&format!("up after {}; a question to its shell:", ui::elapsed(begin.elapsed())));
        let console = self.console.as_mut().context("its console is not open")?;
        console.get_mut().write_all(b"echo $((6 * 7)) is what $(hostname) makes of it\n")?;
        self.show_console_until(|line| line.starts_with("42 is what tiny"))
    }

    /// Asks the guest to shut down, and waits until it is off.
    pub(super) fn shut_down(&mut self, real: bool) -> Result<()> {
        let begin = Instant::now();
        let guest = self.guest()?.clone();
        guest.shutdown(ShutdownDomain::empty())?;
        if real {
            // The console ends with the guest.
            while let Some(line) = self.console_line()? {
                show_line(&line);
            }
        }
        while !self.events.iter().any(|event| is_lifecycle(event, LifecycleEvent::Stopped)) {
            match self.incoming.recv_timeout(PATIENCE.saturating_sub(begin.elapsed())) {
                Ok(Notice::Event(event)) => self.events.push(event),
                Ok(_) => (),
                Err(_) => bail!("the guest did not shut down within {}", ui::elapsed(PATIENCE)),
            }
        }
        let state = guest.state()?;
        if state != DomainState::Shutoff {
            bail!("the guest has stopped, and is {state}");
        }
        ui::good(&format!("it is {state} ({})", ui::elapsed(begin.elapsed())));
        Ok(())
    }

    pub(super) fn show_events(&mut self) {
        while let Ok(notice) = self.incoming.try_recv() {
            if let Notice::Event(event) = notice {
                self.events.push(event);
            }
        }
        let first = self.events.first().map(|event| event.time);
        for event in &self.events {
            let after = first.and_then(|first| event.time.duration_since(first).ok()).unwrap_or_default();
            let what = match &event.kind {
                DomainEventKind::Lifecycle(what, detail) => format!("{what}: {}", what.detail(*detail)),
                DomainEventKind::Reboot => "Rebooted".to_owned(),
                DomainEventKind::BalloonChange(kibibytes) => format!("Memory is {kibibytes} KiB"),
                other => format!("{other:?}"),
            };
            let number = style(format!("#{}", event.sequence)).cyan();
            println!("     {number} {:>6.2} s  {} {what}", after.as_secs_f64(), event.domain.name);
        }
    }

    fn guest(&self) -> Result<&Domain> {
        self.guest.as_ref().context("there is no guest")
    }

    fn show_console_until(&mut self, enough: impl Fn(&str) -> bool) -> Result<()> {
        while let Some(line) = self.console_line()? {
            show_line(&line);
            if enough(&line) {
                return Ok(());
            }
        }
        bail!("the console ended before the guest had said what was waited for")
    }

    /// The next line of the console; `None` at its end.
    fn console_line(&mut self) -> Result<Option<String>> {
        let console = self.console.as_mut().context("its console is not open")?;
        let mut line = Vec::new();
        let count = console.read_until(b'\n', &mut line).context("cannot read the console")?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        Ok((count > 0).then_some(text))
    }
}

fn show_line(line: &str) {
    println!("     {}", style(console::strip_ansi_codes(line)).dim());
}

fn is_lifecycle(event: &DomainEvent, wanted: LifecycleEvent) -> bool {
    matches!(&event.kind, DomainEventKind::Lifecycle(what, _) if *what == wanted)
}

/// A plan's entries, one a line, whatever they are: a step has a description.
fn show_plan(plan: &Value) {
    let Value::Object(parts) = plan else { return };
    for (name, part) in parts {
        match part {
            Value::Array(items) if items.is_empty() => (),
            Value::Array(items) => {
                println!("     {}", style(format!("{name}:")).bold());
                for item in items {
                    println!("       {}", one_line(item));
                }
            }
            other => println!("     {} {}", style(format!("{name}:")).bold(), one_line(other)),
        }
    }
}

fn one_line(value: &Value) -> String {
    let described = value.get("description").unwrap_or(value);
    let text = described.as_str().map_or_else(|| described.to_string(), str::to_owned);
    console::truncate_str(&text, LINE, "...").into_owned()
}

//! Which drivers there are, which one serves a URI, and opening it on first use.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use plugins_abi::loader::{Plugin, SearchPath};
use plugins_abi::manifest::FoundManifest;
use plugins_abi::{Call, Driver, DriverEntry, Host, OpenRequest, Slots};
use virt_util::uri::Uri;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::services::Services;

/// The role of drivers that run guests.
pub(crate) const HYPERVISOR: &str = "hypervisor";
/// The role of drivers beside which a connection has no others.
const ALONE: &str = "alone";

/// The drivers of a program: those linked into it, and the plugins found on this host.
///
/// Plugins are looked for once, by their files' manifests; a plugin is opened when a URI needs it. Cheap to clone; clones are
/// the same registry. [`Registry::global`] is what [`Connection::open`](crate::Connection::open) uses.
///
/// ```
/// use virt_core::{Connection, Registry};
///
/// // One binary without plugins: only what is linked in.
/// let registry = Registry::empty();
/// registry.register::<virt_driver_test::TestDriver>()?;
/// let connection = Connection::builder().uri("test:///default").registry(&registry).open()?;
/// assert_eq!(connection.hypervisor()?, "TEST");
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// A [`Registry`] that does not keep it alive.
pub(crate) struct WeakRegistry(Weak<Inner>);

impl WeakRegistry {
    pub(crate) fn upgrade(&self) -> Option<Registry> {
        self.0.upgrade().map(|inner| Registry { inner })
    }
}

struct Inner {
    search: Option<SearchPath>,
    linked: Mutex<Vec<Arc<Entry>>>,
    plugins: OnceLock<Vec<Found>>,
    preferred: Mutex<Vec<(String, String)>>,
}

/// A file that the search came upon.
struct Found {
    path: PathBuf,
    entry: Result<Arc<Entry>>,
}

/// A driver that can be used.
pub(crate) struct Entry {
    manifest: FoundManifest,
    origin: Origin,
    driver: Mutex<Option<Made>>,
}

/// A driver that was made.
struct Made {
    driver: Arc<dyn Driver>,
    /// Where it came from, if it was loaded.
    plugin: Option<Plugin>,
    /// The log records that it was last told to send.
    level: log::LevelFilter,
}

enum Origin {
    Linked(fn(Host) -> Result<Arc<dyn Driver>>),
    Plugin(PathBuf),
}

/// A driver, or a file that looked like one: a line of `virtsh drivers`.
#[derive(Debug)]
pub struct FoundDriver {
    /// The plugin's file; nothing for a driver that is linked in.
    pub path: Option<PathBuf>,
    /// Its name; empty where the file does not tell.
    pub name: String,
    /// The driver's own, not the library's.
    pub version: String,
    /// The version of the ABI that it was built with.
    pub abi: String,
    /// A few words for people.
    pub description: String,
    /// The URI schemes it serves.
    pub schemes: Vec<String>,
    /// What it is: `hypervisor`, `network` ...
    pub roles: Vec<String>,
    /// Whether it can be used.
    pub state: DriverState,
}

/// Whether a driver can be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum DriverState {
    /// It is linked into the program.
    Linked,
    /// It will be opened when a URI needs it.
    Available,
    /// It is open.
    Loaded,
    /// It is not used, and why.
    Refused(Error),
}

impl Registry {
    /// The registry of this process: what [`Registry::register`] added to it, and the plugins of the standard search path.
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<Registry> = LazyLock::new(|| Registry::with_search(None));
        &GLOBAL
    }

    /// No plugins, only what is registered.
    pub fn empty() -> Self {
        Self::with_search(Some(SearchPath::default()))
    }

    /// The plugins of these directories, and what is registered.
    pub fn searching(search: SearchPath) -> Self {
        Self::with_search(Some(search))
    }

    fn with_search(search: Option<SearchPath>) -> Self {
        let inner =
            Inner { search, linked: Mutex::default(), plugins: OnceLock::new(), preferred: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a driver that is linked into this program. It goes before plugins of the same name.
    ///
    /// # Errors
    ///
    /// `OPERATION_FAILED` when a linked driver of this name is already there.
    pub fn register<D: DriverEntry>(&self) -> Result<()> {
        let manifest = FoundManifest::from(&D::MANIFEST);
        let mut linked = lock(&self.inner.linked);
        if linked.iter().any(|entry| entry.manifest.name == manifest.name) {
            let detail = format!("cannot register driver '{}': its name is already taken", manifest.name);
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, detail));
        }
        linked.push(Arc::new(Entry {
            manifest,
            origin: Origin::Linked(|host| Ok(Arc::new(D::create(host)?))),
            driver: Mutex::new(None),
        }));
        Ok(())
    }

    /// Decides between drivers that serve the same scheme or role: `prefer("network", "network-ovs")`.
    pub fn prefer(&self, scheme_or_role: &str, driver: &str) {
        let mut preferred = lock(&self.inner.preferred);
        preferred.retain(|(known, _)| known != scheme_or_role);
        preferred.push((scheme_or_role.to_owned(), driver.to_owned()));
    }

    /// Every driver that was found, usable or not, linked ones first. Opens none.
    pub fn drivers(&self) -> Vec<FoundDriver> {
        let linked = lock(&self.inner.linked).clone();
        let names: Vec<_> = linked.iter().map(|entry| entry.manifest.name.clone()).collect();
        let linked = linked.iter().map(|entry| entry.describe());
        let plugins = self.plugins().iter().map(|found| match &found.entry {
            Ok(entry) if names.contains(&entry.manifest.name) => FoundDriver {
                state: DriverState::Refused(taken(
                    &found.path,
                    &entry.manifest.name,
                    "linked into this program",
                )),
                ..entry.describe()
            },
            Ok(entry) => entry.describe(),
            Err(error) => FoundDriver {
                path: Some(found.path.clone()),
                state: DriverState::Refused(copy(error)),
                ..FoundDriver::unknown()
            },
        });
        linked.chain(plugins).collect()
    }

    /// Opens a driver by its name and answers which slots a connection to `uri` has filled.
    ///
    /// # Errors
    ///
    /// As [`Connection::open`](crate::Connection::open).
    pub fn capabilities(&self, uri: &str) -> Result<Vec<(&'static str, bool)>> {
        let request = OpenRequest { uri: uri.to_owned(), read_only: true, role: HYPERVISOR.to_owned() };
        Ok(self.open(Call::background(), request)?.filled())
    }

    /// Opens the driver of an application's connection; and whether it is all that the connection leads to.
    pub(crate) fn open_connection(&self, call: &Call, request: OpenRequest) -> Result<(Slots, bool)> {
        let uri: Uri = request.uri.parse()?;
        if let Some(meant) = uri.with_forgotten_slash() {
            let detail = format!("invalid URI {} (maybe you want {meant})", request.uri);
            return Err(Error::internal(ErrorDomain::NONE, detail));
        }
        let entry = self.choose(&uri, &request.role)?;
        let roles = &entry.manifest.roles;
        let alone = uri.is_remote()
            || roles.iter().any(|role| role == ALONE)
            || !roles.iter().any(|role| role == HYPERVISOR);
        Ok((entry.driver(self)?.open(call, request)?.gated(), alone))
    }

    /// Opens the driver that serves the request's URI and role, and a connection of it.
    pub(crate) fn open(&self, call: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let driver = self.choose(&uri, &request.role)?.driver(self)?;
        Ok(driver.open(call, request)?.gated())
    }

    /// The one driver for this URI and role.
    fn choose(&self, uri: &Uri, role: &str) -> Result<Arc<Entry>> {
        let scheme = uri.driver();
        let serves = |entry: &Arc<Entry>| {
            let has = |list: &[String], word: &str| list.iter().any(|known| known == word);
            let schemes = &entry.manifest.schemes;
            if role == HYPERVISOR && uri.is_remote() {
                return has(&entry.manifest.roles, "remote");
            }
            // A secondary driver can be reached by itself, under the name of its role: `nodedev:///system`.
            if role == HYPERVISOR && !has(&entry.manifest.roles, HYPERVISOR) {
                return has(&entry.manifest.roles, scheme);
            }
            // A secondary driver that names no schemes serves all of them.
            has(&entry.manifest.roles, role)
                && (has(schemes, scheme) || (schemes.is_empty() && role != HYPERVISOR))
        };
        let linked = lock(&self.inner.linked).clone();
        let mut candidates: Vec<Arc<Entry>> = linked.into_iter().filter(serves).collect();
        if candidates.is_empty() {
            let usable = self.plugins().iter().filter_map(|found| found.entry.as_ref().ok());
            candidates = usable.filter(|entry| serves(entry)).cloned().collect();
        }
        let preferred = lock(&self.inner.preferred).clone();
        // Who runs a scheme's guests says nothing about its networks.
        let meant = |known: &str| known == role || (role == HYPERVISOR && known == scheme);
        let wanted = preferred.iter().find(|(known, _)| meant(known));
        if let Some((_, name)) = wanted {
            candidates.retain(|entry| entry.manifest.name == *name);
        }
        match candidates.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(self.none_for(uri, role)),
            several => {
                let list: Vec<_> = several.iter().map(|entry| entry.shown()).collect();
                let what =
                    if role == HYPERVISOR { format!("URI scheme '{scheme}'") } else { role.to_owned() };
                let detail = format!("several drivers serve {what}: {}", list.join(", "));
                Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NONE, detail)
                    .hint("remove one, or name the one to use with Registry::prefer"))
            }
        }
    }

    fn none_for(&self, uri: &Uri, role: &str) -> Error {
        let error = if role == HYPERVISOR {
            Error::new(ErrorCode::NO_CONNECT, ErrorDomain::NONE, uri.to_string())
        } else {
            Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, format!("no driver for {role}"))
        };
        // The plugin that would have served may be among those that were refused.
        let refused = self.plugins().iter().filter_map(|found| found.entry.as_ref().err());
        let refused: Vec<_> = refused.map(ToString::to_string).collect();
        let mut names: Vec<_> =
            lock(&self.inner.linked).iter().flat_map(|e| e.manifest.schemes.clone()).collect();
        names.extend(
            self.plugins()
                .iter()
                .filter_map(|f| f.entry.as_ref().ok())
                .flat_map(|e| e.manifest.schemes.clone()),
        );
        let known = match names.as_slice() {
            [] => "no driver was found: set VIRT_DRIVER_DIR to the directory of the plugins".to_owned(),
            names => format!("the drivers found serve: {}", names.join(", ")),
        };
        match refused.as_slice() {
            [] => error.hint(known),
            list => error.hint(format!("{known}; refused: {}", list.join("; "))),
        }
    }

    fn plugins(&self) -> &[Found] {
        self.inner.plugins.get_or_init(|| {
            let standard;
            let search = match &self.inner.search {
                Some(search) => search,
                None => {
                    standard = SearchPath::standard();
                    &standard
                }
            };
            let mut list: Vec<Found> = Vec::new();
            for candidate in search.candidates() {
                let entry = candidate.manifest.and_then(|manifest| {
                    let same = |f: &&Found| f.entry.as_ref().is_ok_and(|e| e.manifest.name == manifest.name);
                    match list.iter().find(same) {
                        Some(first) => Err(taken(
                            &candidate.path,
                            &manifest.name,
                            &format!("taken by '{}', which was found first", first.path.display()),
                        )),
                        None => Ok(Arc::new(Entry {
                            manifest,
                            origin: Origin::Plugin(candidate.path.clone()),
                            driver: Mutex::new(None),
                        })),
                    }
                });
                list.push(Found { path: candidate.path, entry });
            }
            list
        })
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.drivers().iter().map(|driver| &driver.name)).finish()
    }
}

impl Entry {
    /// The driver, made at its first use.
    fn driver(&self, registry: &Registry) -> Result<Arc<dyn Driver>> {
        let mut slot = lock(&self.driver);
        if let Some(made) = &mut *slot {
            made.follow_log_level();
            return Ok(made.driver.clone());
        }
        let host: Host = Arc::new(Services::new(WeakRegistry(Arc::downgrade(&registry.inner))));
        let (driver, plugin) = match &self.origin {
            Origin::Linked(create) => (create(host)?, None),
            Origin::Plugin(path) => {
                let plugin = Plugin::open(path)?;
                (plugin.create(host)?, Some(plugin))
            }
        };
        log::debug!("driver {} is ready", self.shown());
        *slot = Some(Made { driver: driver.clone(), plugin, level: log::max_level() });
        Ok(driver)
    }

    fn shown(&self) -> String {
        match &self.origin {
            Origin::Linked(_) => format!("'{}' (linked in)", self.manifest.name),
            Origin::Plugin(path) => format!("'{}' ({})", self.manifest.name, path.display()),
        }
    }

    fn describe(&self) -> FoundDriver {
        let manifest = self.manifest.clone();
        FoundDriver {
            path: match &self.origin {
                Origin::Linked(_) => None,
                Origin::Plugin(path) => Some(path.clone()),
            },
            name: manifest.name,
            version: manifest.version,
            abi: manifest.abi,
            description: manifest.description,
            schemes: manifest.schemes,
            roles: manifest.roles,
            state: match &self.origin {
                Origin::Linked(_) => DriverState::Linked,
                Origin::Plugin(_) if lock(&self.driver).is_some() => DriverState::Loaded,
                Origin::Plugin(_) => DriverState::Available,
            },
        }
    }
}

impl Made {
    /// The application may want other log records than when the plugin was opened.
    fn follow_log_level(&mut self) {
        if let Some(plugin) = &self.plugin
            && self.level != log::max_level()
        {
            self.level = log::max_level();
            plugin.update_log_level();
        }
    }
}

impl FoundDriver {
    fn unknown() -> Self {
        Self {
            path: None,
            name: String::new(),
            version: String::new(),
            abi: String::new(),
            description: String::new(),
            schemes: Vec::new(),
            roles: Vec::new(),
            state: DriverState::Available,
        }
    }

    /// Opens the plugin, to find out whether it can be used; drivers that are linked in always can.
    ///
    /// # Errors
    ///
    /// Why it was refused.
    pub fn check(&self) -> Result<()> {
        match (&self.state, &self.path) {
            (DriverState::Refused(error), _) => Err(copy(error)),
            (DriverState::Available, Some(path)) => Plugin::open(path).map(drop),
            _ => Ok(()),
        }
    }
}

fn taken(path: &std::path::Path, name: &str, by: &str) -> Error {
    let detail = format!("cannot use driver plugin '{}': its name '{name}' is already {by}", path.display());
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, detail).hint("remove one of the two")
}

/// Another error that says the same; what caused it stays with the first.
fn copy(error: &Error) -> Error {
    let copy = Error::verbatim(error.code(), error.domain(), error.message());
    match error.advice() {
        Some(hint) => copy.hint(hint),
        None => copy,
    }
}

/// A panic while one of these locks was held leaves nothing half done.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

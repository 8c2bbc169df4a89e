//! The test driver, used as a host uses it: through its traits, without a connection.

mod behaviour;
mod demand;
mod host;
mod objects;
mod script;

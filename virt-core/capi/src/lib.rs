#![doc = include_str!("../README.md")]
#![allow(non_snake_case)] // the names of C

mod checkpoint;
mod connect;
mod domain;
mod domain_definition;
mod domain_event;
mod domain_life;
mod domain_saving;
mod domain_screen;
mod domain_security;
mod domain_state;
mod drivers;
mod entries;
mod error;
mod event_loop;
mod events;
mod host;
mod network;
mod network_port;
mod node_device;
mod object_event;
mod parameters;
mod records;
mod runtime;
mod secret;
mod snapshot;
mod storage;
mod stream;
mod types;
mod volume;

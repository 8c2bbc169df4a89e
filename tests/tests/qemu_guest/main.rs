//! Guests in QEMU from domain XML, as their users meet them.

mod actions;
mod bound;
mod console;
mod cpu_models;
mod devices;
mod display;
mod lab;
mod life;
mod network;
mod networks;
mod owner;
mod processors;
mod roots;
mod update;

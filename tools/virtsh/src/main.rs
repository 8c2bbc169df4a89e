#![doc = include_str!("../README.md")]
#![allow(unreachable_pub)] // a program: nothing of it can be reached from outside

mod command;
mod commands;
mod complete;
mod editor;
mod failure;
mod grammar;
mod help;
mod interactive;
mod interrupt;
mod logging;
mod number;
mod options;
mod output;
mod progress;
mod shell;
mod time;
mod words;
mod xml;

use std::process::ExitCode;

use crate::options::{Request, Settings};
use crate::shell::Shell;

fn main() -> ExitCode {
    let (settings, request) = match Settings::read(std::env::args_os().skip(1)) {
        Ok(read) => read,
        Err(failure) => {
            Shell::new(Settings::default()).report(&failure);
            return ExitCode::from(1);
        }
    };
    if let Err(failure) = logging::start(&settings) {
        Shell::new(settings).report(&failure);
        return ExitCode::from(1);
    }
    let mut shell = Shell::new(settings);
    let code = match request {
        Request::Help => {
            shell.output.text(&help::program());
            0
        }
        Request::Version { long } => {
            shell.output.text(&help::version(long));
            0
        }
        Request::Run(words) => match words.as_slice() {
            [] => interactive::run(&mut shell),
            [text] => shell.run_text(text),
            words => shell.run_words(words),
        },
    };
    ExitCode::from(code)
}

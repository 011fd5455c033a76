//! `causes [REASON]`: the catalogue, and one page of it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::diagnose::{Cause, Reason};

use super::pages;

/// List what can be diagnosed, or explain one reason in full
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A reason, e.g. MemoryLimitExceeded; without it the whole catalogue
    reason: Option<String>,
}

/// Runs it.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    let text = match args.reason.as_deref().map(str::parse::<Reason>) {
        None => catalogue(),
        Some(Ok(reason)) => pages::page(reason).to_owned(),
        Some(Err(why)) => {
            let near = args.reason.as_deref().map(near).unwrap_or_default();
            eprintln!("crash-diagnosis: {why}{near}; `crash-diagnosis causes` lists all");
            return Ok(ExitCode::from(2));
        }
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn catalogue() -> String {
    let mut out = String::new();
    for cause in Cause::ALL {
        let _ = writeln!(out, "{cause}");
        for reason in Reason::ALL.iter().filter(|r| r.cause() == *cause) {
            let _ = writeln!(out, "  {:<27} {}", reason.as_str(), reason.meaning());
        }
    }
    out
}

/// Reasons that hold the typed word.
fn near(typed: &str) -> String {
    let typed = typed.to_lowercase();
    let hits: Vec<&str> =
        Reason::ALL.iter().map(|r| r.as_str()).filter(|r| r.to_lowercase().contains(&typed)).collect();
    if hits.is_empty() { String::new() } else { format!(" (did you mean {}?)", hits.join(", ")) }
}

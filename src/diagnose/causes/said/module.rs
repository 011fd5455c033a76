//! MissingModule: a language module, package or class is not in the image.

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::MissingModule, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let image = &case.container.image;
    let subject = failure.subject.as_deref().unwrap_or_default();
    if failure.quote.contains(".NET") || subject.contains("', version '") {
        let framework = subject.replace("', version '", " ");
        let what = if framework.is_empty() { "the .NET version that it is built for" } else { &framework };
        return Told::new(format!("{what} is not in the image ({})", said(failure)))
            .advise(format!("Build {image} on the base image of that version (mcr.microsoft.com/dotnet/aspnet or runtime), or build the program for the version that is there."));
    }
    if failure.quote.contains("UnsupportedClassVersionError") {
        return Told::new(format!("it is compiled for a newer Java than the image has ({})", said(failure)))
            .advise(format!("Base {image} on that Java version (class file 61 is Java 17, 65 is 21, 69 is 25), or compile with --release for the version that is there."));
    }
    if failure.quote.contains("find attribute") || failure.quote.contains("application object") {
        return Told::new(format!("there is no {subject} where the server looks for its application ({})", said(failure)))
            .advise("Give the server the right MODULE:NAME (gunicorn shop.wsgi:application, uvicorn main:app), and the working directory that the module is found from.");
    }
    if subject.starts_with(['/', '.']) {
        return Told::new(format!("{subject} is not in the image ({})", said(failure)))
            .advise(format!("Look whether the build of {image} makes and copies that file (ls in the image; .dockerignore; the output folder of the build), and whether the import names it in full (Node.js ES modules need the .js extension)."))
            .advise("If the command names it, compare the command with the image's layout and working directory.");
    }
    let told =
        Told::new(format!("{} is not in the image ({})", named(failure, "a module that it needs"), said(failure)));
    told.advise(format!(
        "Install {} when the image {} is built (requirements.txt, package.json, Gemfile, pom.xml), in the stage that is shipped, and build again.",
        named(failure, "it"),
        case.container.image
    ))
    .advise("Check working directory and search path too (PYTHONPATH, NODE_PATH, CLASSPATH): a module of the program itself is then looked for in the wrong place.")
}

//! CertificateInvalid: TLS failed: expired, not yet valid, unknown authority, wrong name.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::CertificateInvalid, words)
}

/// (words of TLS libraries, what they mean, what to do)
const KINDS: &[(&[&str], &str, &str)] = &[
    (
        &["is before ", "certificate is not yet valid", "notyetvalid"],
        "the certificate is not valid yet",
        "Check the clocks of the nodes and of the machine that made it.",
    ),
    (
        &["expired", "not after"],
        "the certificate has expired",
        "Renew it (cert-manager: look at the Certificate and its events), and restart what reads it only at its start.",
    ),
    (
        &[
            "unknown authority",
            "unable to get local issuer",
            "self signed",
            "self-signed",
            "pkix",
            "unable_to_verify",
            "unable to verify",
            "unknown ca",
            "unknownissuer",
            "untrusted",
            "not trusted",
        ],
        "the certificate's authority is not trusted",
        "Give the program the authority's certificate (mount it and name it, e.g. SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE, a Java trust store).",
    ),
    (
        &["ip sans", "not valid for", "is valid for", "hostname mismatch", "does not match", "subject name", "altname"],
        "the certificate is for another name",
        "Connect under a name that stands in the certificate, or have it issued for the name that is used.",
    ),
    (
        &["private key does not match", "key values mismatch"],
        "key and certificate do not belong together",
        "Mount key and certificate of the same issue.",
    ),
];

fn words(_case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    let kind = KINDS.iter().find(|(words, ..)| words.iter().any(|w| quote.contains(w)));
    let at = failure.target.as_ref().map_or_else(String::new, |t| format!(" (peer {})", t.host));
    match kind {
        Some((_, meaning, advice)) => Told::new(format!("{meaning}{at}: {}", said(failure))).advise(*advice),
        None => Told::new(format!("TLS failed{at}: {}", said(failure)))
            .advise("Look at the certificate that the peer shows: openssl s_client -connect HOST:PORT -servername HOST </dev/null | openssl x509 -noout -text"),
    }
}

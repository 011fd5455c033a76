//! Variables that are missing, in the words of many languages and libraries.

use super::{Row, strong};
use crate::diagnose::log::Concept::EnvMissing;

/// Missing variables. An upper-case name with an underscore is taken for a variable.
pub(super) const ROWS: &[Row] = &[
    // -- said in so many words
    strong(
        EnvMissing,
        "env",
        r#"\b(?:set|provide|define|export|specify|supply)(?: the)? ["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`]? env(?:ironment)? var"#,
    ),
    strong(
        EnvMissing,
        "environment variable",
        r#"environment variables?:? ["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))["'`]? .{0,20}(?:is |are |was |were |has )?(?:not|n't|missing|required|undefined|unset|empty|blank|must)"#,
    ),
    strong(
        EnvMissing,
        "environment variable",
        r#"["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))["'`]? environment variable.{0,20}(?:not|n't|missing|required|undefined|unset|empty|must)"#,
    ),
    strong(
        EnvMissing,
        "environment variable",
        r#"(?:missing|required|undefined|unset|empty|no|need|set|provide|specify|define)(?: \w+){0,5} environment variables?\W+(?:is not set\W*|named |called )?["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))?"#,
    ),
    strong(
        EnvMissing,
        "environment variable",
        r"environment variables?(?: \w+){0,4} (?:not (?:set|found|defined|present|provided|specified)|(?:is|are) (?:missing|required|unset|empty)|must be|missing)",
    ),
    strong(
        EnvMissing,
        "env var",
        r#"(?:missing|required|undefined|unset|empty|no|need|set|not)\b.{0,40}env vars?\b\W*["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))?"#,
    ),
    strong(
        EnvMissing,
        "env var",
        r#"env vars?:?\W+["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))["'`]? .{0,20}(?:not|n't|missing|required|undefined|unset|empty|must)"#,
    ),
    strong(
        EnvMissing,
        "env variable",
        r#"(?:missing|required|undefined|unset|empty|no|need|set|not)\b.{0,40}env variables?\b\W*["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))?|env variable\W.{0,60}(?:not|n't|missing|required|undefined|unset|empty|must)"#,
    ),
    strong(
        EnvMissing,
        "environment",
        r#"(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`]? (?:is )?(?:not|missing|required)\b.{0,40}\bin (?:the |your )?environment"#,
    ),
    strong(
        EnvMissing,
        "environment",
        r#"(?:missing|required)(?: \w+){0,2} (?:from|in) (?:the |your )?environment\W+["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9_]{2,}))"#,
    ),
    strong(
        EnvMissing,
        "neither",
        r#"neither ["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))\W{1,4}n?or .{0,60}(?:is|are|was|were) (?:set|defined|given|provided|specified|present)"#,
    ),
    strong(
        EnvMissing,
        "set ",
        r#"(?:could not|couldn't|cannot|can't|not found|missing|unable).{1,120}[.!:;,] (?:please )?set (?:the )?["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))"#,
    ),
    // -- idioms of languages
    strong(EnvMissing, "keyerror", r#"keyerror: ["'](?<subject>(?-i:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*))["']"#),
    strong(EnvMissing, "key not found", r#"key not found: "(?<subject>(?-i:[A-Z][A-Z0-9_]*))""#),
    strong(EnvMissing, "unbound variable", r"(?<subject>\w+): unbound variable"),
    strong(EnvMissing, "parameter not set", r"(?<subject>\w+): parameter (?:null or )?not set"),
    strong(EnvMissing, "parameter null or not set", r"(?<subject>\w+): parameter null or not set"),
    strong(EnvMissing, "missing value", r"required key (?<subject>\w+) missing value"),
    strong(EnvMissing, "could not fetch environment variable", r#"environment variable "(?<subject>\w+)""#),
    strong(
        EnvMissing,
        "environment variable not found",
        r"(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))?.*environment variable not found",
    ),
    strong(EnvMissing, "notpresent", r"\bNotPresent\b"),
    strong(EnvMissing, "could not be found in any config source", r"property '?(?<subject>[\w.\-]+)'? is required but"),
    strong(EnvMissing, "in any config source", r"(?:property|value for) '?(?<subject>[\w.\-]+)'?"),
    strong(EnvMissing, "could not resolve placeholder", r"resolve placeholder '(?<subject>[^']+)'"),
    strong(EnvMissing, "could not expand value", r"could not expand value (?<subject>\w+)"),
    strong(EnvMissing, "missing `secret_key_base`", r"missing `(?<subject>secret_key_base)`"),
    strong(EnvMissing, "envvars", r"environmentvariablenotfound|envvarmissing|missingenv\w*"),
    strong(EnvMissing, "missingenv", ""),
    strong(EnvMissing, "undefinedvalueerror", r"undefinedvalueerror: (?<subject>\w+) not found"),
    strong(EnvMissing, "undefined environment variable", ""),
    // -- images of databases and the like that ask for their password
    strong(EnvMissing, "is uninitialized and", r"(?:superuser )?password (?:option )?is not specified"),
    strong(
        EnvMissing,
        "must not be empty",
        r"(?:the )?(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+)) (?:setting|variable|option|value|key) must not be empty",
    ),
    strong(EnvMissing, "you must specify", r"you must specify (?<subject>(?-i:[A-Z][A-Z0-9_]{3,}))"),
    strong(
        EnvMissing,
        "you need to specify",
        r"you need to specify (?:one of |either )?(?<subject>(?-i:[A-Z][A-Z0-9_]{3,}))",
    ),
    strong(
        EnvMissing,
        "environment",
        r"(?:the )?(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+)) environment variable (?:is|are) (?:empty|not set)",
    ),
    // -- an upper-case name that is required or not set
    strong(
        EnvMissing,
        "must be set",
        r#"(?-i:[^\w.]|^)["'`$]?(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`]?.{0,60}must be (?:set|provided|defined|specified)"#,
    ),
    strong(
        EnvMissing,
        "must be",
        r#"(?:^|[\s"'`$(:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)]* must (?:not )?be (?:provided|defined|specified|given|configured|present|empty)"#,
    ),
    strong(
        EnvMissing,
        "required",
        r#"(?:^|[\s"'`$(:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)]*:? (?:is |are |variable is |field )?(?:a )?required"#,
    ),
    strong(
        EnvMissing,
        "not",
        r#"(?:^|[\s"'`$({:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)}]*:? (?:variable |value )?(?:is |was |has |not )?(?:not|n't) (?:been )?(?:set|defined|provided|specified|configured|given|present)\b"#,
    ),
    strong(
        EnvMissing,
        "required'",
        r#"(?:^|[\s"'`{])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`]?: \[? ?['"]required"#,
    ),
    strong(
        EnvMissing,
        "set",
        r#"(?:^|[\s"'`$({:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)}]*:? (?:is )?unset\b"#,
    ),
    strong(
        EnvMissing,
        "missing",
        r#"\bmissing:? (?:required |mandatory |config(?:uration)? |env(?:ironment)? |variable |setting |value for |the )*["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))"#,
    ),
    strong(
        EnvMissing,
        "missing",
        r#"(?:^|[\s"'`$(:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)]* (?:is )?missing\b"#,
    ),
    strong(
        EnvMissing,
        "undefined",
        r#"(?:^|[\s"'`$(:])(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`)]* (?:is )?undefined\b"#,
    ),
    strong(EnvMissing, "please set", r#"please set (?:the )?["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))"#),
    strong(
        EnvMissing,
        "cannot be empty",
        r#"(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))["'`]? (?:cannot|can't|must not|may not) be (?:empty|blank|null|nil)"#,
    ),
    strong(
        EnvMissing,
        "no value",
        r#"no value (?:set |given |provided )?for ["'`$]*(?<subject>(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+))"#,
    ),
    strong(EnvMissing, "unable to load in-cluster configuration", r"(?<subject>KUBERNETES_SERVICE_HOST)"),
];

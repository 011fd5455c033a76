//! Image references, as far as advice needs them. Grammar: the distribution project's reference format.

/// The registry host of an image; the default registry where it names none (a first part without dot, colon, `localhost`).
pub fn host(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "Docker Hub",
    }
}

/// What is wrong with a reference that cannot be parsed, in words.
pub fn malformed(image: &str) -> Option<&'static str> {
    let path_has_upper = || {
        let path = image.split('@').next().unwrap_or(image);
        let path = path.rsplit_once(':').map_or(path, |(p, tag)| if tag.contains('/') { path } else { p });
        let path =
            path.split_once('/').map_or(path, |(first, rest)| if first.contains(['.', ':']) { rest } else { path });
        path.chars().any(|c| c.is_ascii_uppercase())
    };
    if image.trim().is_empty() {
        Some("it is empty")
    } else if image.contains("{{") || image.contains("${") || image.contains("$(") || image.contains('<') {
        Some("a template or variable in it was not filled in")
    } else if image.contains("://") {
        Some("it must not begin with a scheme such as https://")
    } else if image.contains(char::is_whitespace) {
        Some("it contains a blank")
    } else if image.ends_with(':') || image.ends_with('@') {
        Some("the tag or digest is empty")
    } else if image.contains("//") || image.ends_with('/') {
        Some("a part of its path is empty")
    } else if path_has_upper() {
        Some("the repository must be in lower case")
    } else if image.rsplit('/').next().is_some_and(|n| n.split('@').next().unwrap_or(n).matches(':').count() > 1) {
        Some("it has more than one tag")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        assert_eq!(host("nginx:1"), "Docker Hub");
        assert_eq!(host("library/nginx"), "Docker Hub");
        assert_eq!(host("ghcr.example/a/b:1"), "ghcr.example");
        assert_eq!(host("localhost/x"), "localhost");
        assert_eq!(host("reg:5000/x"), "reg:5000");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (image, words) in [
            ("", "empty"),
            ("web:{{ .Tag }}", "template"),
            ("https://reg.example/web", "scheme"),
            ("web: 1", "blank"),
            ("web:", "tag or digest"),
            ("reg.example//web", "path"),
            ("reg.example/Web:1", "lower case"),
            ("web:1:2", "more than one"),
        ] {
            assert!(malformed(image).is_some_and(|w| w.contains(words)), "{image}");
        }
        assert_eq!(malformed("reg.example:5000/a/web:V1@sha256:abc"), None);
    }
}

use super::*;

/// (text, the secret that must be gone). The rest of the text must stay as it is.
const LEAKS: &[(&str, &str)] = &[
    ("postgres://app:s3cr3t@db:5432/shop", "s3cr3t"),
    ("dial redis://:hunter2@redis:6379/0 failed", "hunter2"),
    ("amqp://guest:pa/ss#w@mq:5672/", "pa/ss#w"),
    ("mongodb+srv://u:p%40ss@c0.example.net/?retryWrites=true", "p%40ss"),
    ("git clone https://x-access-token-of-ours-123@github.com/a/b", "x-access-token-of-ours-123"),
    ("open mysql app:hunter2@tcp(mysql:3306)/shop", "hunter2"),
    ("jdbc:oracle:thin:scott/tiger9@//db:1521/x", "tiger9"),
    ("jdbc:mysql://db/shop?user=app&password=abc&useSSL=false", "abc"),
    ("password=hunter2", "hunter2"),
    ("DB_PASSWORD=secret", "secret "),
    ("DB_PASSWORD=changeme next=1", "changeme"),
    ("password: hunter2", "hunter2"),
    ("  password: correct horse battery", "correct horse battery"),
    (r#"{"user":"app","password":"p\"w,d","x":1}"#, r#"p\"w,d"#),
    (r#"{"msg":"{\"password\":\"abc def\",\"u\":1}"}"#, "abc def"),
    (r#"{"apiKey": "abcd-efgh", "n": 2}"#, "abcd-efgh"),
    (r#"{"token":12345678}"#, "12345678"),
    ("config={user:app Password:hunter2 host:db}", "hunter2"),
    ("Config(user='a', password='hunter2')", "hunter2"),
    (r#""password" => "hunter2""#, "hunter2"),
    ("--password=hunter2 --x", "hunter2"),
    ("run --db-password hunter2 --verbose", "hunter2"),
    ("run --api-token 'abc def' now", "abc def"),
    ("Authorization: Bearer abcDEF123456", "abcDEF123456"),
    (r#""Authorization": ["Basic dXNlcjpwYXNz"]"#, "dXNlcjpwYXNz"),
    ("curl -H 'authorization: token 0123456789abcdef'", "0123456789abcdef"),
    ("using bearer eyAbCdEfGh12 now", "eyAbCdEfGh12"),
    (
        "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl from peer",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ),
    ("key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SESSION_TOKEN=FwoGZXIvYXdzEBYaD", "FwoGZXIvYXdzEBYaD"),
    (
        "pair AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    (
        "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=abc123/+def==;EndpointSuffix=core.windows.net",
        "abc123/+def==",
    ),
    ("Server=db;Database=x;User Id=sa;Password=Str0ng!Pass;Encrypt=true", "Str0ng!Pass"),
    ("Server=db;Uid=sa;Pwd=Str0ng!;", "Str0ng!"),
    ("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=q1w2e3r4=", "q1w2e3r4="),
    ("https://acc.blob.core.windows.net/c?sv=2022&sig=aB%2Bc%3D&se=1", "aB%2Bc%3D"),
    ("GET /v1?api_key=abcdef12345&x=1", "abcdef12345"),
    ("token ghp_0123456789abcdefghijABCDEFGHIJ012345 leaked", "ghp_0123456789abcdefghijABCDEFGHIJ012345"),
    ("github_pat_11ABCDEFG0123456789_abcdef", "github_pat_11ABCDEFG0123456789_abcdef"),
    ("xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012-abcdefABCDEF"),
    ("stripe sk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    ("POST https://hooks.slack.com/services/T000/B000/XXXXabcd1234", "T000/B000/XXXXabcd1234"),
    ("openai sk-proj-abcdefghijklmnop1234567890", "sk-proj-abcdefghijklmnop1234567890"),
    ("glpat-abcdefghij1234567890", "glpat-abcdefghij1234567890"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\n-----END RSA PRIVATE KEY-----\nafter",
        "\nMIIEpAIBAAKCAQEA7bq\n",
    ),
    ("-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n-----END PRIVATE KEY-----", "\\nMIIEvQIBADANBg\\n"),
    ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGLqGqLqGqLqGqL\nand then it was cut", "\nMHcCAQEEIIGLqGqLqGqLqGqL\n"),
    (
        "client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF",
        "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF",
    ),
    ("Set-Cookie: session=abcdef0123; Path=/; HttpOnly", "session=abcdef0123; Path=/; HttpOnly"),
    ("ALTER USER 'a'@'%' IDENTIFIED BY 'hunter2';", "hunter2"),
    ("CREATE ROLE app WITH LOGIN PASSWORD 'hunter2'", "hunter2"),
    ("requirepass hunter2", "hunter2"),
    ("admin password is: Xy7abcQ", "Xy7abcQ"),
    ("<password>hunter2</password>", "hunter2"),
    ("secret_key_base: 0123456789abcdef", "0123456789abcdef"),
    ("spring.datasource.password=hunter2", "hunter2"),
    ("env[\"DB_PASSWORD\"] = \"hunter2\"", "hunter2"),
    ("X-Vault-Token: hvs.CAESIabcdefghijklmnop1234", "hvs.CAESIabcdefghijklmnop1234"),
];

/// Diagnostics that must come through untouched.
const KEPT: &[&str] = &[
    "--- PASS: TestOrders (0.00s)",
    "FATAL: password authentication failed for user \"app\"",
    "KeyError: 'DB_PASSWORD'",
    "secret \"db-credentials\" not found",
    "MountVolume.SetUp failed for volume \"db-password\" : secret \"db-password\" not found",
    "couldn't find key password in Secret shop/db",
    "token expired",
    "invalid token: signature is invalid",
    "SyntaxError: Unexpected token } in JSON at position 17",
    "Unexpected token: punc (})",
    "Access denied for user 'root'@'10.0.0.1' (using password: YES)",
    "ERROR 1045 (28000): Access denied (using password: NO)",
    "run.sh: line 3: DB_PASSWORD: unbound variable",
    "sh: DB_PASSWORD: parameter not set",
    "/start.sh: line 2: API_TOKEN: API_TOKEN must be set",
    "failed to read token: open /var/run/secrets/tokens/token: no such file or directory",
    "open /run/secrets/db_password: permission denied",
    "required key DB_PASSWORD missing value",
    "Error: secret key is required",
    "password: must be at least 8 characters",
    "--token-file=/var/run/secrets/token",
    "PASSWORD_FILE=/run/secrets/pw",
    "flag --password is required",
    "unknown flag: --token",
    "basic authentication failed",
    "the bearer token is not valid",
    "tokenizer.json: no such file",
    "max_tokens=4096 n_tokens: 12",
    "secretName: db-credentials",
    "syncing secret=\"cert-manager/webhook-ca\" ok",
    "https://example.com:8443/path?email=a@b.com",
    "dial tcp 10.0.0.5:5432: connect: connection refused",
    "postgres://app@db:5432/shop",
    "redis://redis-0.redis:6379,redis-1.redis:6379",
    "-----BEGIN CERTIFICATE-----",
    "x509: certificate signed by unknown authority",
    "KEY=value key: value primary_key: id",
    "Caused by: java.security.InvalidKeyException: Illegal key size: 256",
    "MYSQL_ALLOW_EMPTY_PASSWORD=yes",
    "password=${DB_PASSWORD}",
    "tests: pass=12 fail=0",
    "at com.example.TokenService.verify(TokenService.java:42)",
    "  File \"/app/auth.py\", line 3, in check_password",
    "task-runner disk-pressure mask-ed",
    "Error: ENOENT: no such file or directory, open '/app/secrets/token.json'",
    "error validating \"token\": claim \"exp\" not satisfied",
    "cookie: invalid name",
];

#[test]
fn nothing_leaks() {
    let mut leaks = Vec::new();
    for (text, secret) in LEAKS {
        let secret = secret.trim_end_matches(' ');
        let at = text.rfind(secret).expect("the secret is in the text");
        let wanted = format!("{}{MASK}{}", &text[..at], &text[at + secret.len()..]);
        let got = redact(text);
        if got != wanted {
            leaks.push(format!("\n{text}\n  -> {got}"));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.concat());
}

#[test]
fn diagnostics_stay() {
    let changed: Vec<_> =
        KEPT.iter().filter(|t| redact(t) != **t).map(|t| format!("\n{t}\n  -> {}", redact(t))).collect();
    assert!(changed.is_empty(), "{}", changed.concat());
}

#[test]
fn masking_twice_changes_nothing() {
    for (text, _) in LEAKS {
        let once = redact(text).into_owned();
        assert_eq!(redact(&once), once);
    }
}

#[test]
fn values_and_command_lines() {
    assert_eq!(value("DB_PASSWORD", "word"), MASK);
    assert_eq!(value("DB_PASSWORD", ""), "");
    assert_eq!(value("DB_PASSWORD_FILE", "/run/pw"), "/run/pw");
    assert_eq!(value("PWD", "/app/x"), "/app/x");
    assert_eq!(value("DATABASE_URL", "postgres://a:b@c/d"), "postgres://a:***@c/d");
    assert_eq!(value("JAVA_OPTS", "-Xmx512m -Ddb.password=x1"), "-Xmx512m -Ddb.password=***");
    let words = ["run", "--password", "hunter2", "--token=abc", "--port", "80"].map(String::from);
    assert_eq!(command_line(&words), ["run", "--password", MASK, "--token=***", "--port", "80"]);
}

#[test]
fn hostile_text_ends_in_time() {
    for unit in ["token", "://", "password=", "-----BEGIN PRIVATE KEY-----", "key ", "a:@", "\\\"", "eyJ", "secret: ä "]
    {
        let text = unit.repeat((1 << 18) / unit.len());
        let start = std::time::Instant::now();
        let _ = redact(&text);
        assert!(start.elapsed().as_secs() < 60, "{unit} took {:?}", start.elapsed());
    }
}

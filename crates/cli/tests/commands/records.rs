//! `datakey records`.
use crate::shell::Shell;

#[test]
fn lines_ndjson_and_csv_come_back_as_they_were_all_or_by_number() {
    let shell = Shell::with_key();
    for (name, text, records) in [
        ("a.txt", "one\n\nthree\n", &["one", "", "three"][..]),
        ("b.ndjson", "{\"a\":1}\n[2,3]\n", &["{\"a\":1}", "[2,3]"]),
        (
            "c.csv",
            "id,note\n1,\"two\nlines\"\n2,\"a \"\"b\"\"\"\n",
            &["id,note", "1,\"two\nlines\"", "2,\"a \"\"b\"\"\""],
        ),
    ] {
        shell.write(name, text);
        let sealed = shell.run(["records", "seal", "-k", "key", name]).ends(0);
        let count = format!("in {} records", records.len());
        assert!(sealed.text().contains(&count), "{sealed:?}");
        let batch = format!("{name}.datakey");
        let all = shell
            .run(["records", "open", "-k", "key", &batch, "-o", "-"])
            .ends(0);
        assert_eq!(all.text(), text);
        let message = shell.read(&batch);
        for (number, record) in records.iter().enumerate() {
            let open = ["records", "open", "-k", "key", "--index", &number.to_string()];
            let expected = format!("{record}\n");
            assert_eq!(
                shell.run([&open[..], &[&batch]].concat()).ends(0).text(),
                expected
            );
            assert_eq!(shell.run_with(&message, open).ends(0).text(), expected);
        }
        let some = ["records", "open", "-k", "key", "-i", "1..", "-i", "0", &batch];
        let some = shell.run(some).ends(0);
        assert_eq!(
            some.text(),
            format!("{}\n{}\n", records[1..].join("\n"), records[0])
        );
        let beyond = records.len().to_string();
        for span in [
            beyond.clone(),
            format!("0..{}", records.len() + 1),
            format!("{}..", records.len() + 1),
        ] {
            let refused = shell
                .run(["records", "open", "-k", "key", "-i", &span, &batch])
                .ends(3);
            assert!(refused.stderr.contains("no record"), "{}", refused.stderr);
            assert!(refused.stdout.is_empty());
        }
    }
}

#[test]
fn what_is_unfit_for_its_shape_is_told_with_its_line_and_leaves_nothing() {
    let shell = Shell::with_key();
    for (name, text, part) in [
        ("a.ndjson", "{}\n{\n", "line 2"),
        ("b.csv", "a,b\n\"1,2\n", "line 2"),
        ("c.jsonl", "{} {}\n", "not JSON"),
    ] {
        shell.write(name, text);
        let refused = shell.run(["records", "seal", "-k", "key", name]).ends(3);
        assert!(
            refused.stderr.contains(part) && refused.stderr.contains(name),
            "{}",
            refused.stderr
        );
        let as_lines = [
            "records", "seal", "-k", "key", name, "--shape", "lines", "-o", "-",
        ];
        shell.run(as_lines).ends(0);
    }
    assert_eq!(shell.names(), ["a.ndjson", "b.csv", "c.jsonl", "key"]);
}

/// A record that is asked for is opened where it stands, and its neighbours may be broken.
#[test]
fn a_record_is_read_from_a_file_without_the_others_and_a_broken_one_is_refused() {
    let shell = Shell::with_key();
    let text: String = (0..1_000).map(|number| format!("order {number}\n")).collect();
    shell.write("orders", text);
    shell.run(["records", "seal", "-k", "key", "orders"]).ends(0);
    let mut batch = shell.read("orders.datakey");
    let middle = batch.len() / 2;
    batch[middle] ^= 1;
    shell.write("broken", &batch);
    let open = |span: &str, file: &str| shell.run(["records", "open", "-k", "key", "-i", span, file]);
    assert_eq!(open("997", "broken").ends(0).text(), "order 997\n");
    assert_eq!(open("0..2", "broken").ends(0).text(), "order 0\norder 1\n");
    open("..", "broken").ends(4);
    shell
        .run(["records", "open", "-k", "key", "broken", "-o", "-"])
        .ends(4);
    shell.write("cut", &batch[..middle]);
    assert!(matches!(open("0", "cut").code, 3 | 4));
}

#[test]
fn bytes_are_no_records_and_records_are_no_bytes() {
    let shell = Shell::with_key();
    shell.write("text", "order\n");
    shell.run(["seal", "-k", "key", "text", "-o", "bytes"]).ends(0);
    shell
        .run(["records", "seal", "-k", "key", "text", "-o", "batch"])
        .ends(0);
    shell
        .run(["records", "open", "-k", "key", "-i", "0", "bytes"])
        .ends(2);
    let told = shell
        .run(["records", "open", "-k", "key", "bytes", "-o", "-"])
        .ends(0);
    assert!(told.stderr.contains("no records"), "{}", told.stderr);
    shell
        .run(["cat", "-k", "key", "--bytes", "0..1", "batch"])
        .ends(2);
    assert_eq!(shell.run(["cat", "-k", "key", "batch"]).ends(0).text(), "order\n");
}

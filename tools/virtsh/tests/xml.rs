//! `xml`: what it says of documents, and how it ends.

mod support;

use expect_test::{Expect, expect};
use support::Virtsh;

const GUEST: &str = "<domain type='test'>
  <!-- ours -->
  <name>web</name>
  <memory unit='MiB'>512</memory>
  <os><type arch='x86_64'>hvm</type></os>
  <devices>
    <interface type='user'><mac address='52:54:00:00:00:01'/><mtu size='0x1'/></interface>
  </devices>
</domain>
";

fn guest(from: &str, to: &str) -> String {
    let text = GUEST.replace("0x1", "1400").replace(from, to);
    assert!(from.is_empty() || text.contains(to));
    text
}

fn check(virtsh: &Virtsh, words: &[&str], expected: Expect) {
    expected.assert_eq(&virtsh.output(["-q", "xml"].iter().chain(words)));
}

#[test]
fn mistakes_are_listed_with_their_places() {
    let virtsh = Virtsh::new();
    virtsh.file("good.xml", &guest("", ""));
    virtsh.file("typos.xml", &guest("<mtu size", "<mtu sise").replace("<os>", "<oss/><os>"));
    virtsh.file("bad.xml", GUEST);
    virtsh.file("no.xml", "<domian/>");
    check(&virtsh, &["check", "good.xml"], expect![[""]]);
    check(
        &virtsh,
        &["check", "typos.xml"],
        expect![[r#"
        typos.xml:5:3: unknown element 'oss' in element 'domain', did you mean 'os'?
        typos.xml:7:67: unknown attribute 'sise' in element 'mtu', did you mean 'size'?
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["check", "typos.xml", "--format", "json"],
        expect![[r#"
        [
          {
            "file": "typos.xml",
            "line": 5,
            "column": 3,
            "path": "/domain",
            "name": "oss",
            "near": "os",
            "message": "unknown element 'oss' in element 'domain', did you mean 'os'?"
          },
          {
            "file": "typos.xml",
            "line": 7,
            "column": 67,
            "path": "/domain/devices/interface/mtu",
            "name": "@sise",
            "near": "size",
            "message": "unknown attribute 'sise' in element 'mtu', did you mean 'size'?"
          }
        ]
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["check", "bad.xml", "no.xml"],
        expect![[r#"
        error: XML error: Invalid value for attribute 'size' in element 'mtu': '0x1'. Expected non-negative integer value
        error: XML error: unknown kind of document <domian>
        [exit code 1]
    "#]],
    );
}

#[test]
fn documents_are_written_as_libvirt_writes_them() {
    let virtsh = Virtsh::new();
    virtsh.file("a.xml", &guest("<devices>", "<devices><disck/>"));
    check(
        &virtsh,
        &["fmt", "a.xml"],
        expect![[r#"
        <domain type='test'>
          <name>web</name>
          <memory unit='KiB'>524288</memory>
          <vcpu placement='static'>1</vcpu>
          <os>
            <type arch='x86_64'>hvm</type>
          </os>
          <clock offset='utc'/>
          <devices>
            <interface type='user'>
              <mac address='52:54:00:00:00:01'/>
              <mtu size='1400'/>
            </interface>
          </devices>
        </domain>
        left out: line 6: unknown element 'disck' in element 'devices', did you mean 'disk'?
        left out: 1 of 1 comments
    "#]],
    );
}

#[test]
fn differences_are_a_table_or_data() {
    let virtsh = Virtsh::new();
    virtsh.file("a.xml", &guest("", ""));
    virtsh.file("same.xml", &guest("<memory unit='MiB'>512", "<memory>524288"));
    virtsh.file("b.xml", &guest("1400", "1500").replace("<os>", "<title>t</title><os>"));
    virtsh.file("net.xml", "<network><name>lan</name></network>");
    check(&virtsh, &["diff", "a.xml", "same.xml"], expect![[""]]);
    check(
        &virtsh,
        &["diff", "a.xml", "b.xml"],
        expect![[r#"
         changed   /domain/devices/interface[mac/@address='52:54:00:00:00:01']/mtu/@size   1400   1500
         added     /domain/title                                                           -      <title>t</title>
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["diff", "a.xml", "b.xml", "--format", "json"],
        expect![[r#"
        [
          {
            "change": "changed",
            "path": "/domain/devices/interface[mac/@address='52:54:00:00:00:01']/mtu/@size",
            "before": "1400",
            "after": "1500"
          },
          {
            "change": "added",
            "path": "/domain/title",
            "before": null,
            "after": "<title>t</title>"
          }
        ]
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["diff", "a.xml", "net.xml"],
        expect![[r#"
        error: cannot compare a <domain> with a <network>
        [exit code 1]
    "#]],
    );
}

#[test]
fn forms_are_converted_there_and_back() {
    let virtsh = Virtsh::new();
    virtsh.file("a.xml", &guest("", ""));
    check(
        &virtsh,
        &["convert", "a.xml", "--to", "yaml"],
        expect![[r#"
        domain:
          type: test
          name: web
          memory:
            unit: KiB
            $text: 524288
          vcpu:
            placement: static
            $text: 1
          os:
            type:
              arch: x86_64
              $text: hvm
          clock:
            offset: utc
          devices:
            interface:
            - type: user
              mac:
                address: 52:54:00:00:00:01
              mtu:
                size: 1400
    "#]],
    );
    for form in ["yaml", "json"] {
        virtsh.file("b", &virtsh.output(["-q", "xml", "convert", "a.xml", "--to", form]));
        let back = virtsh.output(["-q", "xml", "convert", "b", "--to", "xml"]);
        virtsh.file("c.xml", &back);
        assert_eq!(virtsh.output(["-q", "xml", "diff", "a.xml", "c.xml"]), "", "{form}");
    }
    virtsh.file("bad.json", r#"{"domain": {"type": "test", "name": "a", "devices": {"dsk": []}}}"#);
    check(
        &virtsh,
        &["convert", "bad.json", "--to", "xml"],
        expect![[r#"
        error: 'bad.json' is not a document in JSON: /domain/devices: unknown key 'dsk', did you mean 'disk'?
        [exit code 1]
    "#]],
    );
}

#[test]
fn names_are_explained() {
    let virtsh = Virtsh::new();
    check(
        &virtsh,
        &["explain", "domain/devices/interface/link/@state"],
        expect![[r#"
            /domain/devices/interface/link/@state
                Whether the cable is plugged in.

            Values:
              up    `up`
              down  `down`
        "#]],
    );
    check(
        &virtsh,
        &["explain", "domain/devices/interface/link/@sate"],
        expect![[r#"
        error: invalid argument: element 'link' has no attribute 'sate'
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["explain", "secret/@private", "--format", "yaml"],
        expect![[r#"
        ---
        path: /secret/@private
        doc: 'Whether its value is never shown to anybody; default: no.'
        values: yes or no
        spellings: []
        default: no
        since: null
        required: false
        notes: []
        attributes: []
        elements: []
    "#]],
    );
    check(
        &virtsh,
        &["explain"],
        expect![[r#"
        error: wrong number of operands for 'xml explain'
        [exit code 1]
    "#]],
    );
    check(
        &virtsh,
        &["mend", "a"],
        expect![[r#"
        error: unknown action 'mend'
        [exit code 1]
    "#]],
    );
}

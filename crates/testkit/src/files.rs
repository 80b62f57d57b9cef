//! Files as clients upload them.

/// A ZIP archive (PKWARE APPNOTE 6.3) of these names and contents, stored as they are.
#[must_use]
pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let offset = length(&out);
        let mut fields = [[20, 0], [0, 0], [0, 0], [0, 0], [0, 0]].concat();
        fields.extend_from_slice(&crc32(content).to_le_bytes());
        fields.extend_from_slice(&length(content).repeat(2));
        let named = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
        out.extend([b"PK\x03\x04", fields.as_slice(), &named, &[0; 2], name.as_bytes(), content].concat());
        let rest = [&named[..], &[0; 12], &offset, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x00", fields.as_slice(), &rest].concat());
    }
    let start = length(&out);
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &length(&directory), &start, &[0; 2]].concat();
    [out, directory, end].concat()
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Of ISO 3309, as ZIP and gzip have it.
fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

/// A body of `multipart/form-data; boundary=b`: of each part its fields after the disposition's type, and its content.
#[must_use]
pub fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (head, content) in parts {
        out.extend(
            [b"--b\r\nContent-Disposition: form-data; ", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"]
                .concat(),
        );
    }
    [out.as_slice(), b"--b--\r\n"].concat()
}

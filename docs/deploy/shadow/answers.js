// Keeps what was answered, for the log of nginx.conf: its beginning where it is long.
const MOST = 4096;

function keep(r, data, flags) {
    // In hexadecimal: a part may end within a character.
    if (r.variables.kept.length < 2 * MOST) {
        r.variables.kept += data.toString('hex');
    }
    r.sendBuffer(data, flags);
}

function text(r) {
    return Buffer.from(r.variables.kept.slice(0, 2 * MOST), 'hex').toString();
}

export default {keep, text};

/* Counts the words and n-grams of a text in one pass: memory doesn't grow with the text. */

#include "nb_text.h"

#include "nb_memory.h"

enum { SIGMA = 0x3a3, SIGMA_AT_END = 0x3c2, SIGMA_WITHIN = 0x3c3, SIZE_FOLLOWS = 15 };

/* What has been read so far. `at` counts the bytes of units since the beginning; those that n-grams
   may still need are in the vectorizer's room, the first of them at `base`. */
typedef struct {
    const nb_vectorizer *vectorizer;
    uint32_t *counts;
    uint64_t base, at;
    uint64_t units;
    uint64_t word;       /* where it begins, with the space before it */
    uint64_t characters; /* of the word */
    int is_in_word;
    uint64_t spaces; /* that follow one another */
    uint32_t space;  /* the first of them */
} reading;

/* --- characters --- */

/* Return the character at a place, and pass over it. */
static uint32_t take(const char **at, const char *end)
{
    uint32_t code = (unsigned char)*(*at)++;
    if (code < 0x80)
        return code;
    int more = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;
    code &= 0x3fu >> more;
    for (; more-- && *at < end; (*at)++)
        code = code << 6 | (**at & 0x3fu);
    return code;
}

static int is_in(const nb_character_set *characters, uint32_t code)
{
    uint32_t low = characters->planes[code >> 16], first = low;
    uint32_t high = characters->planes[(code >> 16) + 1];
    code &= 0xffff;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (characters->edges[middle] <= code)
            low = middle + 1;
        else
            high = middle;
    }
    /* Behind an odd number of edges it is within. */
    return (low - first) & 1;
}

/* Return how many of `count` sorted numbers are at most this one. */
static uint32_t behind(const int32_t *numbers, uint32_t count, uint32_t code)
{
    uint32_t low = 0;
    while (low < count) {
        uint32_t middle = (low + count) / 2;
        if ((uint32_t)numbers[middle] <= code)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Return whether a sigma that ends at `at` ends a word: a letter with a case is before it and none
   behind, whatever apostrophes, accents and the like stand between. */
static int ends_word(const nb_vectorizer *vectorizer, const char *begin, const char *at,
                     const char *end)
{
    int is_cased = 0;
    for (const char *before = at - 2; before > begin && !is_cased;) {
        do
            before--;
        while (before > begin && (*before & 0xc0) == 0x80);
        const char *passing = before;
        uint32_t code = take(&passing, end);
        if (!is_in(vectorizer->is_ignorable, code)) {
            is_cased = is_in(vectorizer->is_cased, code);
            if (!is_cased)
                return 0;
        }
    }
    if (!is_cased)
        return 0;
    while (at < end) {
        uint32_t code = take(&at, end);
        if (!is_in(vectorizer->is_ignorable, code))
            return !is_in(vectorizer->is_cased, code);
    }
    return 1;
}

/* --- terms --- */

/* Return the bytes that follow in a coded term, and pass over what says how many they are. */
static uint32_t take_size(const unsigned char **at, uint32_t *shared)
{
    uint32_t size = *(*at)++;
    *shared = size >> 4;
    size &= 15;
    if (size == SIZE_FOLLOWS) {
        size = (*at)[0] | (uint32_t)(*at)[1] << 8;
        *at += 2;
    }
    return size;
}

/* Compare a text with a term's last bytes, when `same` of its own are known to be those before;
   return 0 where both are the same, 1 where the text is behind the term, -1 where it is before it.
   `same` becomes what both begin with. */
static int compare(const unsigned char *text, uint32_t length, const unsigned char *term,
                   uint32_t size, uint32_t *same)
{
    for (uint32_t at = 0; at < size; at++, ++*same)
        if (*same == length || text[*same] != term[at])
            return *same == length || text[*same] < term[at] ? -1 : 1;
    return *same < length;
}

/* Return the number of a text among the terms, or -1. */
static int64_t find(const nb_terms *terms, const unsigned char *text, uint32_t length)
{
    uint32_t low = 0, high = (terms->count + NB_TERMS_IN_BLOCK - 1) / NB_TERMS_IN_BLOCK;
    uint32_t shared, same, size;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const unsigned char *at = terms->coded + terms->blocks[middle];
        same = 0;
        size = take_size(&at, &shared);
        if (compare(text, length, at, size, &same) >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low)
        return -1;
    const unsigned char *at = terms->coded + terms->blocks[low - 1];
    uint32_t number = (low - 1) * NB_TERMS_IN_BLOCK, end = number + NB_TERMS_IN_BLOCK;
    same = 0;
    for (; number < end && number < terms->count; number++, at += size) {
        size = take_size(&at, &shared);
        /* What is like the one before for longer than the text is behind that as well. */
        if (shared > same)
            continue;
        same = shared;
        int order = compare(text, length, at, size, &same);
        if (!order)
            return number;
        if (order < 0)
            return -1;
    }
    return -1;
}

/* --- units --- */

/* Add bytes; the oldest give way where there is no room. */
static void append(reading *now, const char *bytes, uint32_t size)
{
    const nb_vectorizer *vectorizer = now->vectorizer;
    uint64_t used = now->at - now->base;
    if (used + size > NB_ROOM(vectorizer->longest)) {
        /* As much as a word that is taken back, and a term before it. */
        uint64_t kept = 2 * (uint64_t)vectorizer->longest + 8;
        memmove(vectorizer->room, vectorizer->room + (used - kept), kept);
        now->base += used - kept;
        used = kept;
    }
    for (uint32_t i = 0; i < size; i++)
        vectorizer->room[used + i] = (unsigned char)bytes[i];
    now->at += size;
}

/* Add a character. */
static void append_character(reading *now, uint32_t code)
{
    char bytes[4];
    uint32_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    bytes[0] = (char)(more ? (0x780u >> more & 0xf0) | code >> 6 * more : code);
    for (uint32_t i = 1; i <= more; i++)
        bytes[i] = (char)(0x80 | (code >> 6 * (more - i) & 0x3f));
    append(now, bytes, more + 1);
}

/* Count the term that begins at a place and ends here, if it is one; return 0 where it is longer
   than all of them. */
static int count_from(reading *now, uint64_t begin)
{
    const nb_vectorizer *vectorizer = now->vectorizer;
    uint64_t size = now->at - begin;
    if (size > vectorizer->longest)
        return 0;
    int64_t term = find(&vectorizer->terms, vectorizer->room + (begin - now->base), (uint32_t)size);
    if (term >= 0)
        now->counts[vectorizer->features ? vectorizer->features[term] : term]++;
    return 1;
}

/* Note a unit that begins at a place and ends here, and count the n-grams that end with it. */
static void count_unit(reading *now, uint64_t begin)
{
    const nb_vectorizer *vectorizer = now->vectorizer;
    vectorizer->begins[now->units++ % vectorizer->most] = begin;
    for (uint32_t n = vectorizer->least; n <= vectorizer->most && n <= now->units; n++)
        if (!count_from(now, vectorizer->begins[(now->units - n) % vectorizer->most]))
            return;
}

static void count_character(reading *now, uint32_t code)
{
    uint64_t begin = now->at;
    append_character(now, code);
    count_unit(now, begin);
}

/* --- words --- */

static void end_word(reading *now)
{
    const nb_vectorizer *vectorizer = now->vectorizer;
    uint64_t begin = now->word + (now->units != 0), size = now->at - begin;
    now->is_in_word = 0;
    if (now->characters < vectorizer->shortest
        || (size <= vectorizer->longest
            && find(&vectorizer->left_out, vectorizer->room + (begin - now->base), (uint32_t)size)
                   >= 0))
        now->at = now->word;
    else
        count_unit(now, begin);
}

static void read_for_words(reading *now, uint32_t code, int is_marked)
{
    if (!is_marked) {
        if (now->is_in_word)
            end_word(now);
        return;
    }
    if (!now->is_in_word) {
        now->is_in_word = 1;
        now->word = now->at;
        now->characters = 0;
        if (now->units)
            append(now, " ", 1);
    }
    now->characters++;
    append_character(now, code);
}

/* --- characters as units --- */

/* Two or more white-space characters become one space; a single one stays as it is. */
static void end_spaces(reading *now)
{
    if (now->spaces)
        count_character(now, now->spaces == 1 ? now->space : ' ');
    now->spaces = 0;
}

static void end_padded_word(reading *now)
{
    now->is_in_word = 0;
    count_character(now, ' ');
    /* A word that is shorter than all n-grams counts as a whole. */
    if (now->units < now->vectorizer->least)
        count_from(now, now->word);
}

static void read_for_characters(reading *now, uint32_t code, int is_white)
{
    if (now->vectorizer->unit == NB_LETTERS) {
        if (is_white) {
            if (!now->spaces++)
                now->space = code;
            return;
        }
        end_spaces(now);
    } else {
        if (is_white) {
            if (now->is_in_word)
                end_padded_word(now);
            return;
        }
        if (!now->is_in_word) {
            now->is_in_word = 1;
            now->units = 0;
            now->word = now->at;
            count_character(now, ' ');
        }
    }
    count_character(now, code);
}

/* --- texts --- */

/* Read one of the characters that another one has become. */
static void read_changed(reading *now, uint32_t code)
{
    const nb_vectorizer *vectorizer = now->vectorizer;
    int is_marked = code < 0x80 ? vectorizer->ascii[code] >> 7 : is_in(&vectorizer->marked, code);
    if (vectorizer->unit == NB_WORDS)
        read_for_words(now, code, is_marked);
    else
        read_for_characters(now, code, is_marked);
}

/* Read a character that is not of ASCII. */
static void read_character(reading *now, uint32_t code)
{
    const nb_changes *changes = &now->vectorizer->changes;
    uint32_t run = behind(changes->first, changes->runs, code);
    if (run--) {
        uint32_t within = code - (uint32_t)changes->first[run], step = changes->step[run];
        if (within <= changes->span[run] && !step) {
            const char *at = (const char *)changes->text + changes->texts[changes->shift[run]];
            const char *end = (const char *)changes->text + changes->texts[changes->shift[run] + 1];
            while (at < end)
                read_changed(now, take(&at, end));
            return;
        }
        if (within <= changes->span[run] && within % step == 0)
            code += (uint32_t)changes->shift[run];
    }
    read_changed(now, code);
}

void nb_count_terms(const nb_vectorizer *vectorizer, const char *text, size_t length,
                    uint32_t *counts)
{
    reading now = {.vectorizer = vectorizer, .counts = counts};
    const char *at = text, *end = text + length;
    while (at < end) {
        uint32_t code = take(&at, end);
        if (code < 0x80)
            read_changed(&now, vectorizer->ascii[code] & 0x7f);
        else if (code == SIGMA && vectorizer->is_cased)
            read_changed(&now, ends_word(vectorizer, text, at, end) ? SIGMA_AT_END : SIGMA_WITHIN);
        else
            read_character(&now, code);
    }
    if (vectorizer->unit == NB_LETTERS)
        end_spaces(&now);
    else if (now.is_in_word)
        (vectorizer->unit == NB_WORDS ? end_word : end_padded_word)(&now);
}

uint32_t nb_take_counts(uint32_t *counts, uint32_t width, nb_entry *row)
{
    uint32_t entries = 0;
    for (uint32_t feature = 0; feature < width; feature++)
        if (counts[feature]) {
            row[entries++] = (nb_entry){counts[feature], feature};
            counts[feature] = 0;
        }
    return entries;
}

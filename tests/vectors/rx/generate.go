// Writes what Go's regexp says about the expressions of expressions.txt and about random ones. To make the files anew:
//
//	GOTOOLCHAIN=go1.23.9 go run generate.go -random 2500 <expressions.txt >go-1.23.tsv
//	go1.19 run generate.go -random 500 <expressions.txt >go-1.19.tsv
//
// A line of the result holds an expression and then either its texts, each after + if it matches and - if not, or
// !OFFSET+LENGTH REASON if Go refuses it, with the place of the offending part. Fields are parted by tabs; bytes outside
// printable ASCII, % and # are written as %HH. expressions.txt has the same form, its texts without sign.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"regexp/syntax"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

var random = rand.New(rand.NewSource(1))

func encode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '%' || c == '#' {
			fmt.Fprintf(&b, "%%%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// offset of a part within the string that it was cut from.
func offset(whole, part string) int {
	if part == "" {
		return len(whole)
	}
	data := func(s *string) uintptr { return (*reflect.StringHeader)(unsafe.Pointer(s)).Data }
	return int(data(&part) - data(&whole))
}

func write(w *bufio.Writer, expr string, texts []string) {
	w.WriteString(encode(expr))
	defer w.WriteString("\n")
	if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
		e := err.(*syntax.Error)
		fmt.Fprintf(w, "\t!%d+%d %s", offset(expr, e.Expr), len(e.Expr), e.Code)
		return
	}
	re := regexp.MustCompile(expr)
	for _, text := range texts {
		sign := "-"
		if re.MatchString(text) {
			sign = "+"
		}
		w.WriteString("\t" + sign + encode(text))
	}
}

func pick(of ...string) string { return of[random.Intn(len(of))] }

func oneIn(n int) bool { return random.Intn(n) == 0 }

var letters = []string{"a", "b", "c", "A", "B", "k", "K", "s", "S", "x", "z", "Z", "i", "I", "0", "1", "9", "_", "/", "-",
	" ", ",", ".", "{", "}", "]", "\n", "\x00", "\t", "\r", "\v", "é", "É", "ß", "ſ", "\u212a", "σ", "ς", "Σ", "å", "\u212b",
	"ǆ", "ǅ", "µ", "ı", "İ", "日", "😀", "\ufffd"}

var broken = []string{"\xff", "\xc3", "\x80", "\xe6\x97", "\xed\xa0\x80", "\xf0\x9f\x98"}

func letter() string { return pick(letters...) }

func property() string {
	return pick(`\p`, `\P`) + pick("{Greek}", "{^Greek}", "{Lu}", "{Ll}", "{L}", "L", "N", "Z", "M", "S", "P", "C", "{Han}",
		"{Latin}", "{Nd}", "{Lt}", "{Zs}", "{Cs}", "{Co}", "{Cyrillic}", "{Nko}", "{Common}", "{Deseret}", "{^L}", "{greek}",
		"{Xx}", "{L&}", "q", "{", "", "{}", "é")
}

func escape() string {
	return `\` + pick("a", "f", "n", "r", "t", "v", "x41", "x4", "xZZ", "x{41}", "x{10ffff}", "x{110000}", "x{}", "x{d800}",
		"x{e9}", "x", "x{1F600}", "1", "12", "101", "08", "0", "00", "377", "777", "8", "9", ".", "/", "-", `\`, "_", "*",
		"é", "h", "Z", "z", "A", "b", "B", "C", "E", "G", "Q", "k", "R", "X", "N", "c", "o{101}", "e", "d", "D", "s", "S",
		"w", "W", "(", "[", "|", "^", "$")
}

func classItem() string {
	switch random.Intn(14) {
	case 0:
		return letter() + "-" + letter()
	case 1:
		return pick("a-z", "A-Z", "0-9", "a-f", `\x00-\x{10ffff}`, "б-я", "Ā-ſ")
	case 2:
		return pick(`\d`, `\D`, `\s`, `\S`, `\w`, `\W`)
	case 3:
		return "[:" + pick("alpha", "^alpha", "digit", "lower", "upper", "word", "space", "punct", "xdigit", "ascii",
			"^ascii", "cntrl", "graph", "print", "blank", "alnum", "foo", "") + pick(":]", ":]", ":]", "]", ":")
	case 4:
		return property()
	case 5:
		return escape()
	case 6:
		return pick("-", "]", "^", "[", `\]`, `\-`, `\^`, "[:", "[.", `\b`, `\Q`)
	}
	return letter()
}

func class() string {
	s := "["
	if oneIn(3) {
		s += "^"
	}
	for n := random.Intn(4) + 1; n > 0; n-- {
		s += classItem()
	}
	if !oneIn(25) {
		s += "]"
	}
	return s
}

func repetition() string {
	low := random.Intn(3)
	switch random.Intn(12) {
	case 0, 1, 2, 3, 4, 5:
		return pick("*", "+", "?") + pick("", "", "?")
	case 6:
		return fmt.Sprintf("{%d}", low)
	case 7:
		return fmt.Sprintf("{%d,}", low)
	case 8:
		return fmt.Sprintf("{%d,%d}", low, low+random.Intn(4))
	case 9:
		return pick("{,3}", "{ 1}", "{01}", "{1,01}", "{1", "{1,", "{1,2", "{a}", "{2,1}", "{1000}", "{1001}",
			"{999999999999}", "{1,1001}", "{0}", "{0,0}", "{0,}", "{}", "{-1}", "{35}", "{30,40}")
	case 10:
		return pick("**", "*+", "++", "?+", "???", "{2}{3}", "{2}*", "*(?i)*", `+\Q\E*`)
	}
	return ""
}

func group(depth int) string {
	return pick("(", "(", "(?:", "(?:", "(?i:", "(?s:", "(?m:", "(?U:", "(?i-s:", "(?-i:", "(?P<n>", "(?<n>", "(?P<1n>",
		"(?is:", "(?ms:") + expression(depth-1) + pick(")", ")", ")", ")", ")", ")", ")", ")", "", "))")
}

func oddGroup() string {
	return pick("(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "(?|a)", "(?#a)", "(?R)", "(?1)", "(?'n'a)", "(?^i)", "(*UTF)",
		"(?x)", "(?-)", "(?i-)", "(?", "(?i", "(?P", "(?P<", "(?P<n", "(?P<>a)", "(?<é>a)", "(?P<é>a)", "(?P=n)", "(?P>n)",
		"(?)", "(?-i-s)", "(?--i)", "()", "(|a)", "(a|)", "(|)", "(?i)(?-i)", "(?P<a-b>c)", "(?<a b>c)", ")", "(", "(?é)")
}

func atom(depth int) string {
	switch random.Intn(22) {
	case 0, 1, 2:
		return class()
	case 3:
		return "."
	case 4:
		return escape()
	case 5:
		return property()
	case 6:
		return pick("^", "$", `\b`, `\B`, `\A`, `\z`, "(?m)", "(?i)", "(?s)", "(?-i)", "(?-m)", "(?U)")
	case 7:
		return `\Q` + letter() + pick("*", ".", "", letter()) + pick(`\E`, `\E`, `\E`, "", `\`)
	case 8, 9, 10, 11:
		if depth > 0 {
			return group(depth)
		}
	case 12:
		if oneIn(6) {
			return oddGroup()
		}
	case 13:
		if oneIn(12) {
			return pick(append(broken, "*", "+", "?", "|", ")", `\`)...)
		}
	}
	return letter()
}

func expression(depth int) string {
	var b strings.Builder
	for bars := random.Intn(3) * random.Intn(2); ; bars-- {
		for n := random.Intn(4); n > 0; n-- {
			b.WriteString(atom(depth))
			if oneIn(3) {
				b.WriteString(repetition())
			}
		}
		if bars == 0 {
			return b.String()
		}
		b.WriteByte('|')
	}
}

func mutate(s string) string {
	b := []byte(s)
	for n := 1 + random.Intn(2); n > 0 && len(b) > 0; n-- {
		i, j := random.Intn(len(b)), random.Intn(len(b))
		piece := pick("(", ")", "[", "]", "*", `\`, "|", "{", "}", "?", "-", "^", letter())
		switch random.Intn(3) {
		case 0:
			b = append(b[:i], b[i+1:]...)
		case 1:
			b = append(b[:i], append([]byte(piece), b[i:]...)...)
		case 2:
			b[i], b[j] = b[j], b[i]
		}
	}
	return string(b)
}

func randomText() string {
	s := ""
	for n := random.Intn(7); n > 0; n-- {
		if oneIn(20) {
			s += pick(broken...)
		} else {
			s += letter()
		}
	}
	return s
}

func sampleRune(re *syntax.Regexp) rune {
	if len(re.Rune) == 0 {
		return 'a'
	}
	i := random.Intn(len(re.Rune) / 2)
	lo, hi := re.Rune[2*i], re.Rune[2*i+1]
	return []rune{lo, hi, lo + rune(random.Intn(int(hi-lo)+1))}[random.Intn(3)]
}

// sample appends a text that re matches, but for what it says of beginnings, ends and words.
func sample(re *syntax.Regexp, b *strings.Builder) {
	times := 1
	switch re.Op {
	case syntax.OpLiteral:
		text := string(re.Rune)
		if re.Flags&syntax.FoldCase != 0 && oneIn(2) {
			text = strings.ToLower(text)
		}
		b.WriteString(text)
	case syntax.OpCharClass:
		b.WriteRune(sampleRune(re))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(letter())
	case syntax.OpAlternate:
		sample(re.Sub[random.Intn(len(re.Sub))], b)
		return
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		times = random.Intn(3)
	case syntax.OpRepeat:
		times = re.Min + random.Intn(2)
	}
	for ; times > 0 && b.Len() < 60; times-- {
		for _, sub := range re.Sub {
			sample(sub, b)
		}
	}
}

func textsFor(expr string) []string {
	texts := []string{randomText()}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return texts
	}
	for i := 0; i < 4; i++ {
		var b strings.Builder
		sample(re, &b)
		texts = append(texts, []string{b.String(), mutate(b.String()), randomText() + b.String(), b.String() + randomText()}[i])
	}
	return texts
}

// old tells whether this Go has other Unicode tables than those that are compared with.
func old() bool { return strings.HasPrefix(runtime.Version(), "go1.19") }

func main() {
	count := flag.Int("random", 0, "how many random expressions to add")
	flag.Parse()
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	fmt.Fprintf(w, "# Made by generate.go with %s.\n", runtime.Version())

	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		fields := strings.Split(in.Text(), "\t")
		for i, f := range fields {
			decoded, err := url.PathUnescape(f)
			if err != nil {
				panic(strconv.Quote(f) + ": " + err.Error())
			}
			fields[i] = decoded
		}
		write(w, fields[0], fields[1:])
	}
	for n := 0; n < *count; {
		expr := expression(1 + random.Intn(3))
		if oneIn(6) {
			expr = mutate(expr)
		}
		if old() && strings.Contains(strings.ToLower(expr), `\p`) {
			continue
		}
		write(w, expr, textsFor(expr))
		n++
	}
}

package netrc

import "strings"

// Results other than "login:password".
const (
	none  = "nothing"
	fails = "an error"
	crash = "a crash"
)

// asked has the versions of curl with which all rows were tested by hand.
var asked = []string{"7.88", "8.14", "8.21", "8.23"}

// results are keyed by version of curl.
type results map[string]string

// A row is a file and our result for a host. curl has the results of the versions
// that differ. Version 8.21 has a new parser, so differences of older versions are
// history. Where 8.23 differs, our result is deliberate.
type row struct {
	name string
	file string
	want string
	host string // empty for 127.0.0.1
	line int    // line number in the error; 0 if there is none
	curl results
}

var long = strings.Repeat("x", maxToken)

// ofSize returns a file of this size with an entry at its start.
func ofSize(n int) string {
	const entry = "machine 127.0.0.1 login user password pw\n"
	return entry + strings.Repeat("filler\n", n)[:n-len(entry)-1] + "\n"
}

var rows = []row{
	// Layout
	{name: "one line", file: "machine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "one token a line", file: "machine\n127.0.0.1\nlogin\nuser\npassword\npw\n", want: "user:pw"},
	{name: "indented", file: "machine 127.0.0.1\n\tlogin user\n    password pw\n", want: "user:pw"},
	{name: "tabs and many blanks", file: "machine \t 127.0.0.1\t\tlogin\tuser \t password\tpw \t \n", want: "user:pw"},
	{name: "empty lines inside an entry", file: "machine 127.0.0.1\n\n\nlogin user\n\npassword pw\n", want: "user:pw"},
	{name: "no line end at the end", file: "machine 127.0.0.1 login user password pw", want: "user:pw"},
	{name: "CRLF", file: "machine 127.0.0.1\r\nlogin user\r\npassword pw\r\n", want: "user:pw"},
	{name: "CRLF, none at the end", file: "machine 127.0.0.1\r\nlogin user\r\npassword pw", want: "user:pw"},
	{name: "empty CRLF line", file: "machine 127.0.0.1 login user\r\n\r\npassword pw\r\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "several carriage returns before the line end", file: "machine 127.0.0.1 login user\r\r\npassword pw\r\r\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "a carriage return between tokens", file: "machine 127.0.0.1\rlogin user\rpassword pw\n", want: "user:pw"},
	{name: "a carriage return before a blank", file: "\nmachine 127.0.0.1 login user\r password pw\n", want: fails, line: 2, curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "a carriage return before a blank, as a value", file: "machine 127.0.0.1 login \r user password pw\n", want: ":pw", curl: results{"8.14": fails}},
	{name: "blanks before CRLF", file: "machine 127.0.0.1 login user \t\r\npassword pw \r\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "a form feed is part of a token", file: "machine 127.0.0.1 login us\fer password pw\n", want: fails, line: 1, curl: results{"7.88": "us:pw", "8.14": "us:pw", "8.21": "us\fer:pw", "8.23": "us\fer:pw"}},
	{name: "empty file", file: "", want: none},
	{name: "blanks only", file: " \t\n\r\n  \n", want: none, curl: results{"8.14": fails}},
	{name: "password first", file: "machine 127.0.0.1 password pw login user\n", want: "user:pw"},

	// Hosts
	{name: "another host", file: "machine other login user password pw\n", want: none},
	{name: "several hosts", file: "machine a login ua password pa\nmachine 127.0.0.1 login user password pw\nmachine b login ub password pb\n", want: "user:pw"},
	{name: "several entries on one line", file: "machine a login ua password pa machine 127.0.0.1 login user password pw machine b\n", want: "user:pw"},
	{name: "host in another case", host: "adb-1.azuredatabricks.net", file: "machine ADB-1.AzureDatabricks.NET login token password pw\n", want: "token:pw"},
	{name: "asked in another case", host: "ADB-1.Example.Com", file: "machine adb-1.example.com login token password pw\n", want: "token:pw"},
	{name: "port in machine", file: "machine 127.0.0.1:8443 login user password pw\n", want: none},
	{name: "scheme in machine", file: "machine http://127.0.0.1 login user password pw\n", want: none},
	{name: "path in machine", file: "machine 127.0.0.1/ login user password pw\n", want: none},
	{name: "domain of the host", host: "adb-1.example.com", file: "machine example.com login user password pw\n", want: none},
	{name: "wildcard", host: "adb-1.example.com", file: "machine *.example.com login user password pw\n", want: none},
	{name: "letters that fold to ASCII", host: "kiosk.example.com", file: "machine \u212aiosk.example.com login user password pw\n", want: none, curl: results{"8.14": fails}},
	{name: "machine without a name at the end", file: "machine a login ua password pa machine", want: none},
	{name: "machine of the empty name", file: "machine \"\" login user password pw\n", want: none},
	{name: "quoted host", file: "machine \"127.0.0.1\" login user password pw\n", want: "user:pw"},

	// default
	{name: "default last, host before it", file: "machine 127.0.0.1 login user password pw\ndefault login dl password dp\n", want: "user:pw"},
	{name: "default last, host unknown", file: "machine other login user password pw\ndefault login dl password dp\n", want: "dl:dp"},
	{name: "default first", file: "default login dl password dp\nmachine 127.0.0.1 login user password pw\n", want: "dl:dp"},
	{name: "default first, empty", file: "default\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "default only, empty", file: "default\n", want: none},
	{name: "two defaults", file: "default login d1 password p1 default login d2 password p2\n", want: "d1:p1"},
	{name: "default after the host's empty entry", file: "machine 127.0.0.1\ndefault login dl password dp\n", want: "dl:dp"},
	{name: "default takes no name", file: "default 127.0.0.1 login dl password dp\n", want: "dl:dp"},

	// Keywords and other tokens
	{name: "upper-case keywords", file: "MACHINE 127.0.0.1 Login user PASSWORD pw\n", want: "user:pw"},
	{name: "upper-case default", file: "DEFAULT LOGIN user PassWord pw\n", want: "user:pw"},
	{name: "letters that fold to a keyword", file: "machine 127.0.0.1 login user pa\u017f\u017fword pw\n", want: "user:", curl: results{"8.14": fails}},
	{name: "quoted keyword", file: "\"machine\" 127.0.0.1 login user password pw\n", want: none, curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "quoted keyword in an entry", file: "machine 127.0.0.1 login user \"password\" pw\n", want: "user:", curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "keyword as login", file: "machine 127.0.0.1 login password password login\n", want: "password:login"},
	{name: "keyword as host", host: "login", file: "machine login login user password pw\n", want: "user:pw"},
	{name: "machine as password", file: "machine 127.0.0.1 login user password machine\n", want: "user:machine"},
	{name: "default as login", file: "machine 127.0.0.1 login default password pw\n", want: "default:pw"},
	{name: "login without value at the end", file: "machine 127.0.0.1 password pw login", want: ":pw"},
	{name: "password without value at the end", file: "machine 127.0.0.1 login user password\n", want: "user:"},
	{name: "account", file: "machine 127.0.0.1 login user account acct password pw\n", want: "user:pw"},
	{name: "account named password", file: "machine 127.0.0.1 login user account password password pw\n", want: "user:pw", curl: results{"7.88": "user:password", "8.14": "user:password"}},
	{name: "account only", file: "machine 127.0.0.1 account acct\n", want: none},
	{name: "unknown tokens", file: "hello machine 127.0.0.1 port 8443 login user protocol https password pw world\n", want: "user:pw"},
	{name: "keys outside of entries", file: "login stray password stray\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "keys and no entry", file: "login user password pw\n", want: none},
	{name: "byte order mark", file: "\ufeffmachine 127.0.0.1 login user password pw\n", want: none, curl: results{"8.14": fails}},
	{name: "byte order mark before a comment", file: "\ufeff# mine\nmachine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"8.14": fails}},

	// Login and password
	{name: "login without password", file: "machine 127.0.0.1 login user\n", want: "user:"},
	{name: "login without password, the host again", file: "machine 127.0.0.1 login user\nmachine 127.0.0.1 login user2 password pw2\n", want: "user:", curl: results{"7.88": "user2:pw2", "8.14": "user2:pw2"}},
	{name: "login without password, then default", file: "machine 127.0.0.1 login user\ndefault login dl password dp\n", want: "user:", curl: results{"7.88": "dl:dp", "8.14": "dl:dp"}},
	{name: "password without login", file: "machine 127.0.0.1 password pw\n", want: ":pw"},
	{name: "password without login, the host again", file: "machine 127.0.0.1 password pw\nmachine 127.0.0.1 login user2 password pw2\n", want: ":pw", curl: results{"7.88": "user2:pw2"}},
	{name: "password without login, then default", file: "machine 127.0.0.1 password pw\ndefault login dl password dp\n", want: ":pw", curl: results{"7.88": "dl:", "8.14": "dl:"}},
	{name: "host without anything, then the host again", file: "machine 127.0.0.1\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "the host twice", file: "machine 127.0.0.1 login u1 password p1\nmachine 127.0.0.1 login u2 password p2\n", want: "u1:p1"},
	{name: "login twice", file: "machine 127.0.0.1 login u1 login u2 password pw\n", want: "u2:pw"},
	{name: "password twice", file: "machine 127.0.0.1 login user password p1 password p2\n", want: "user:p2", curl: results{"7.88": "user:p1", "8.14": "user:p1"}},
	{name: "password twice, login last", file: "machine 127.0.0.1 password p1 password p2 login user\n", want: "user:p2"},
	{name: "login twice, password between", file: "machine 127.0.0.1 login u1 password pw login u2\n", want: "u2:pw", curl: results{"7.88": "u1:pw", "8.14": "u1:pw"}},
	{name: "another login and password", file: "machine 127.0.0.1 login u1 password p1 login u2 password p2\n", want: "u2:p2", curl: results{"7.88": "u1:p1", "8.14": "u1:p1"}},
	{name: "empty login", file: "machine 127.0.0.1 login \"\" password pw\n", want: ":pw"},
	{name: "empty password", file: "machine 127.0.0.1 login user password \"\"\n", want: "user:"},
	{name: "empty login and password", file: "machine 127.0.0.1 login \"\" password \"\"\n", want: none, curl: results{"7.88": ":", "8.14": ":"}},
	{name: "empty login only", file: "machine 127.0.0.1 login \"\"\n", want: none, curl: results{"7.88": ":", "8.14": ":"}},
	{name: "empty password only", file: "machine 127.0.0.1 password \"\"\n", want: none, curl: results{"7.88": ":", "8.14": ":"}},
	{name: "empty login and password, the host again", file: "machine 127.0.0.1 login \"\" password \"\"\nmachine 127.0.0.1 login user password pw\n", want: none, curl: results{"7.88": ":", "8.14": ":"}},
	{name: "default with an empty login", file: "default login \"\" password pw\n", want: ":pw", curl: results{"8.21": crash}},
	{name: "address of version 6", host: "::1", file: "machine ::1 login user password pw\n", want: "user:pw"},
	{name: "address of version 6 in brackets", host: "::1", file: "machine [::1] login user password pw\n", want: none},
	{name: "dot at the end of the host", host: "adb-1.example.com", file: "machine adb-1.example.com. login user password pw\n", want: none},
	{name: "empty password, the host again", file: "machine 127.0.0.1 login user password \"\"\nmachine 127.0.0.1 login user2 password pw2\n", want: "user:"},
	{name: "colons", file: "machine 127.0.0.1 login user password a:b:c\n", want: "user:a:b:c"},
	{name: "unicode", file: "machine 127.0.0.1 login Zoë password пароль\n", want: "Zoë:пароль", curl: results{"8.14": fails}},
	{name: "no-break space is no blank", file: "machine 127.0.0.1 login user password p\u00a0w\n", want: "user:p\u00a0w", curl: results{"8.14": "user:p"}},
	{name: "bytes that are not UTF-8", file: "machine 127.0.0.1 login user password p\xffw\n", want: "user:p\xffw", curl: results{"8.14": "user:p"}},
	{name: "percent and plus", file: "machine 127.0.0.1 login us%20er password p+w%\n", want: "us%20er:p+w%"},

	// Quotes
	{name: "quoted", file: "machine 127.0.0.1 login \"us er\" password \"p w\"\n", want: "us er:p w"},
	{name: "escaped quote and backslash", file: `machine 127.0.0.1 login user password "a\"b\\c"` + "\n", want: `user:a"b\c`},
	{name: "escape of an ordinary character", file: `machine 127.0.0.1 login user password "\p\w\x\#"` + "\n", want: "user:pwx#"},
	{name: "escaped tab", file: "\n\n" + `machine 127.0.0.1 login user password "p\tw"` + "\n", want: fails, line: 3, curl: results{"7.88": "user:p\tw", "8.14": "user:p\tw", "8.21": "user:p\tw", "8.23": "user:p\tw"}},
	{name: "escaped line end", file: `machine 127.0.0.1 login user password "p\nw"` + "\n", want: fails, line: 1, curl: results{"7.88": "user:p\nw", "8.14": "user:p\nw", "8.21": "user:p\nw", "8.23": "user:p\nw"}},
	{name: "escaped carriage return in the login", file: `machine 127.0.0.1 login "us\rer" password pw` + "\n", want: fails, line: 1, curl: results{"7.88": "us\rer:pw", "8.14": "us\rer:pw", "8.21": "us\rer:pw", "8.23": "us\rer:pw"}},
	{name: "backslash outside quotes", file: `machine 127.0.0.1 login dom\user password p\"w\n` + "\n", want: `dom\user:p\"w\n`},
	{name: "quote inside a token", file: `machine 127.0.0.1 login us"er password p"w"` + "\n", want: `us"er:p"w"`},
	{name: "single quotes", file: "machine 127.0.0.1 login 'user' password 'p w'\n", want: "'user':'p"},
	{name: "quote never closed", file: "machine 127.0.0.1 login user\npassword \"pw\n", want: fails, line: 2},
	{name: "quote never closed, last character a backslash", file: "machine 127.0.0.1 login user\npassword \"pw\\", want: fails, line: 2},
	{name: "closing quote escaped", file: `machine 127.0.0.1 login user password "pw\"` + "\n", want: fails, line: 1},
	{name: "lone quote", file: "# mine\n\nmachine 127.0.0.1 login user password \"", want: fails, line: 3},
	{name: "quote never closed, before the host", file: "machine other login u password \"p\nmachine 127.0.0.1 login user password pw\n", want: fails, line: 1},
	{name: "quote never closed, behind the host", file: "machine 127.0.0.1 login user password pw\nmachine other login u password \"p\n", want: "user:pw"},
	{name: "quote never closed, in a comment", file: "# \"\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "quote never closed, in a macro", file: "macdef m\n\"\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "quote over a line end", file: "machine 127.0.0.1 login user password \"p\nw\"\n", want: fails, line: 1, curl: results{"8.14": "user:p\nw", "8.21": "user:p\nw", "8.23": "user:p\nw"}},
	{name: "quote over a line end, of another host", file: "machine other login u password \"p\nw\"\nmachine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"7.88": fails}},
	{name: "quote over the host's entry", file: "machine other password \"p\nmachine 127.0.0.1 login user password \"pw\n", want: none, curl: results{"7.88": fails}},
	{name: "text right after a quote", file: "machine 127.0.0.1 login \"user\"junk password pw\n", want: "user:pw"},
	{name: "keyword right after a quote", file: "machine 127.0.0.1 login \"user\"password pw\n", want: "user:pw", curl: results{"7.88": "user:", "8.14": "user:"}},
	{name: "two quotes in a row", file: "machine 127.0.0.1 login \"user\"\"junk\" password \"pw\"\n", want: "user:pw"},
	{name: "tab in quotes", file: "machine 127.0.0.1 login user password \"p\tw\"\n", want: fails, line: 1, curl: results{"7.88": "user:p\tw", "8.14": "user:p\tw", "8.21": "user:p\tw", "8.23": "user:p\tw"}},

	// Comments
	{name: "comment first", file: "# mine\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "comment between", file: "machine 127.0.0.1\n# login other\nlogin user\n  # password other\n\t#\npassword pw\n", want: "user:pw"},
	{name: "comment with an entry", file: "#machine 127.0.0.1 login u password p\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "comment last, no line end", file: "machine 127.0.0.1 login user password pw\n# mine", want: "user:pw"},
	{name: "comment between keyword and value", file: "machine 127.0.0.1 login\n# mine\nuser password pw\n", want: "user:pw"},
	{name: "comment after tokens", file: "machine 127.0.0.1 login user password pw # mine\n", want: "user:pw"},
	{name: "comment after tokens, with keywords", file: "machine 127.0.0.1 login user # password old\npassword pw\n", want: "user:pw", curl: results{"8.14": "user:old"}},
	{name: "comment after tokens, with an entry", file: "machine other # machine 127.0.0.1 login u password p\nmachine 127.0.0.1 login user password pw\n", want: "u:p", curl: results{"7.88": "user:pw"}},
	{name: "# at the start of a password", file: "machine 127.0.0.1 login user password #pw\n", want: "user:#pw", curl: results{"7.88": "user:"}},
	{name: "# at the start of a login", file: "machine 127.0.0.1 login #user password pw\n", want: "#user:pw", curl: results{"7.88": none}},
	{name: "# at the start of a quoted password", file: "machine 127.0.0.1 login user password \"#pw\"\n", want: "user:#pw"},
	{name: "# inside and at the end", file: "machine 127.0.0.1 login us#er password pw#\n", want: "us#er:pw#"},
	{name: "# at the start of a line, as a value", file: "machine 127.0.0.1 login user password\n#pw\n", want: "user:"},
	{name: "comment inside quotes", file: "machine other password \"p\n# \"\nq\" machine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"7.88": fails}},

	// Macros
	{name: "macro before", file: "macdef init\nmachine 127.0.0.1 login u password p\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "macro in an entry", file: "machine 127.0.0.1 login user password pw\nmacdef init\ncd /\n\nmachine other login u password p\n", want: "user:pw"},
	{name: "macro between login and password", file: "machine 127.0.0.1 login user\nmacdef init\ncd /\n\npassword pw\n", want: "user:", curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "macro after a bare machine", file: "machine 127.0.0.1\nmacdef init\ncd /\n\nlogin user password pw\n", want: none, curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "macro to the end of the file", file: "macdef init\nmachine 127.0.0.1 login user password pw\n", want: none},
	{name: "macro ended by blanks", file: "macdef init\ncd /\n \t \nmachine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"7.88": none}},
	{name: "macro with CRLF", file: "macdef init\r\ncd /\r\n\r\nmachine 127.0.0.1 login user password pw\r\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "macro without a body", file: "macdef init\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "macro without a name", file: "macdef\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "macro with a comment", file: "macdef init\n# not empty\nmachine 127.0.0.1 login u password p\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "keyword on the line of macdef", file: "macdef init machine 127.0.0.1 login u password p\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "macdef in upper case", file: "MACDEF init\nmachine 127.0.0.1 login u password p\n\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},

	// Control characters and bounds
	{name: "control character in the password", file: "machine 127.0.0.1 login user password p\x01w\n", want: fails, line: 1, curl: results{"7.88": "user:p\x01w", "8.14": "user:p", "8.21": "user:p\x01w", "8.23": "user:p\x01w"}},
	{name: "control character of another host", file: "machine other login u password p\x01w\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "delete character", file: "machine 127.0.0.1 login user password p\x7fw\n", want: "user:p\x7fw"},
	{name: "NUL", file: "machine 127.0.0.1 login us\x00er password pw\n", want: fails, line: 1, curl: results{"7.88": none, "8.14": "us:", "8.21": "us:", "8.23": "us:"}},
	{name: "longest value", file: "machine 127.0.0.1 login user password " + long[1:] + "\n", want: "user:" + long[1:], curl: results{"7.88": none}},
	{name: "value too long", file: "machine 127.0.0.1 login user\npassword " + long + "\n", want: fails, line: 2, curl: results{"7.88": "user:"}},
	{name: "quoted value too long", file: "machine 127.0.0.1 login user\npassword \"" + long + "\"\n", want: fails, line: 2, curl: results{"7.88": "user:"}},
	{name: "value too long, behind the host", file: "machine 127.0.0.1 login user password pw\nmachine other password " + long + "\n", want: "user:pw"},
	{name: "value too long, before the host", file: "machine other password " + long + "\nmachine 127.0.0.1 login user password pw\n", want: fails, line: 1, curl: results{"7.88": "user:pw"}},
	{name: "value too long, before the host, which is not last", file: "machine other password " + long + "\nmachine 127.0.0.1 login user password pw\nmachine third\n", want: fails, line: 1, curl: results{"7.88": "user:pw"}},
	{name: "unknown token too long", file: long + "\nmachine 127.0.0.1 login user password pw\n", want: "user:pw", curl: results{"8.14": fails}},
	{name: "longest line", file: "machine 127.0.0.1 login user password pw" + strings.Repeat(" ", maxLine-42) + "\n", want: "user:pw", curl: results{"7.88": none}},
	{name: "line too long", file: "machine 127.0.0.1 login user password pw" + strings.Repeat(" ", maxLine-41) + "\n", want: fails, line: 1, curl: results{"7.88": none, "8.14": none}},
	{name: "line too long, behind the host", file: "machine 127.0.0.1 login user password pw\n" + strings.Repeat(" ", maxLine) + "\n", want: fails, line: 2, curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "comment too long", file: "#" + strings.Repeat(" ", maxLine) + "\nmachine 127.0.0.1 login user password pw\n", want: fails, line: 1, curl: results{"7.88": "user:pw", "8.14": none}},
	{name: "largest file", file: ofSize(maxFile - 2), want: "user:pw"},
	{name: "file too large", file: ofSize(maxFile - 1), want: fails, curl: results{"7.88": "user:pw", "8.14": "user:pw"}},
	{name: "file far too large", file: ofSize(2 * maxFile), want: fails, curl: results{"7.88": "user:pw"}},
	{name: "line of 4 KiB", file: "machine 127.0.0.1 login user" + strings.Repeat(" ", maxToken) + "password pw\n", want: "user:pw", curl: results{"7.88": none}},
	{name: "line of 4 KiB, of another host", file: "machine other" + strings.Repeat(" ", maxToken) + "\nmachine 127.0.0.1 login user password pw\n", want: "user:pw"},
	{name: "letters beyond ASCII inside tokens", file: "machine 127.0.0.1 login usér password pẅ\n", want: "usér:pẅ", curl: results{"8.14": fails}},
	{name: "form feed between tokens", file: "machine 127.0.0.1 login user\fpassword pw\n", want: fails, line: 1, curl: results{"7.88": "user:pw", "8.14": "user:pw", "8.21": "user\fpassword:", "8.23": "user\fpassword:"}},
	{name: "file too large, with comments", file: strings.Repeat("# none\n", 18724) + "machine 127.0.0.1 login user password pw\n", want: fails, curl: results{"7.88": "user:pw", "8.14": "user:pw", "8.21": "user:pw", "8.23": "user:pw"}},
}

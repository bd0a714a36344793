package main

// people are names as they come: with commas, quotes, apostrophes, umlauts, in other scripts. # is the row's number.
var people = []struct{ display, local string }{
	{"Ada Lovelace", "ada.lovelace"},
	{"Lovelace, Ada (Contractor)", "ada.contractor"},
	{`Grace "Amazing" Hopper`, "grace.hopper"},
	{"Siobhán O'Connor", "siobhan.oconnor"},
	{"D’Angelo, Lucía", "lucia.dangelo"},
	{"Jürgen Müller-Lüdenscheidt", "juergen.mueller"},
	{"Zoë Ångström", "zoe.angstroem"},
	{"Łukasz Żółć", "lukasz.zolc"},
	{"Дмитрий Менделеев", "dmitri.mendeleev"},
	{"Σωκράτης", "sokrates"},
	{"محمد الخوارزمي", "muhammad.alkhwarizmi"},
	{"山田 太郎", "taro.yamada"},
	{"王小明", "xiaoming.wang"},
	{"김민준", "minjun.kim"},
	{"Party 🎉 Planning Account", "party.planning"},
	{"Test User #", "test.user"},
	{"R&D <Shared> Device", "rnd.shared"},
	{"Robert'); DROP TABLE Students;--", "bobby.tables"},
	{"Nguyễn Thị Ánh", "anh.nguyen"},
	{"Null", "christopher.null"},
}

var domains = []string{"contoso.com", "contoso.onmicrosoft.com", "fabrikam.example"}

var departments = []string{"Finance", "Research, Development", "Vertrieb", "IT; Operations", "営業部", ""}

var zones = []string{"Z", "Z", "Z", "+01:00", "-08:00", "+05:30", "+12:45"}

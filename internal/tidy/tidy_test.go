package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/aquifer-stream/aquifer"

// floors is the architecture: a package imports packages of lower floors only. "." is the root package.
var floors = []struct {
	name     string
	packages []string
}{
	{"words", []string{
		"internal/async", "internal/base", "internal/bubble", "internal/gcpace", "internal/memory", "internal/metric",
		"internal/programtest", "internal/objstore/gateway", "internal/serving",
	}},
	{"contracts", []string{"flow", "internal/objstore", "internal/checkpoint", "internal/scrape"}},
	{"records and stores", []string{
		"internal/record", "internal/objstore/dir", "internal/objstore/mem", "internal/objstore/fault",
		"internal/objstore/remote", "internal/objstore/patient", "internal/objstore/metered", "internal/diskcache",
		"internal/objstore/scheduled",
		"internal/objstore/objstoretest", "internal/checkpoint/store",
	}},
	{"measures", []string{
		"internal/measure",
	}},
	{"clouds", []string{
		"internal/objstore/s3", "internal/objstore/gcs", "internal/objstore/azure", "internal/objstore/remotetest",
	}},
	{"places", []string{"internal/objstore/open"}},
	{"channels", []string{"internal/channel"}},
	{"tables", []string{"internal/lsm"}},
	{"hot tables", []string{"internal/keyed"}},
	{"keyed state", []string{"state"}},
	{"kept rows", []string{"internal/multimap"}},
	{"windows", []string{"window"}},
	{"patterns", []string{"pattern"}},
	{"automata", []string{"internal/nfa"}},
	{"operators", []string{"internal/operator"}},
	{"tasks and connectors", []string{"internal/task", "connector/*"}},
	{"graphs", []string{"internal/plan"}},
	{"workers", []string{"internal/worker"}},
	{"coordinator", []string{"internal/coordinator"}},
	{"logbook and control", []string{"internal/logbook", "internal/control"}},
	{"library", []string{"."}},
	{"tables", []string{"table"}},
	{"queries and tests", []string{"nexmark", "aqtest"}},
	{"benchmarks", []string{"bench", "bench/*"}},
	{"programs", []string{"cmd/*", "examples/*", "examples/*/*", "bench/*/*"}},
	{"rules", []string{"internal/tidy"}},
}

// pure packages are stepped by their caller: they know no time, no I/O and no goroutine.
var pure = []string{"internal/async", "internal/checkpoint", "internal/nfa"}

var impure = []string{"time", "os", "net", "sync", "context", "math/rand", "math/rand/v2", "io/fs"}

func floorOf(pkg string) int {
	for i, f := range floors {
		for _, pattern := range f.packages {
			if ok, _ := path.Match(pattern, pkg); ok {
				return i
			}
		}
	}
	return -1
}

// source is a parsed Go file of the module.
type source struct {
	pkg  string // relative to the module
	path string
	test bool
	set  *token.FileSet
	file *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != root) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		pkg, _ := filepath.Rel(root, filepath.Dir(p))
		all = append(all, source{filepath.ToSlash(pkg), p, strings.HasSuffix(p, "_test.go"), set, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func imports(s source) []string {
	var all []string
	for _, i := range s.file.Imports {
		all = append(all, strings.Trim(i.Path.Value, `"`))
	}
	return all
}

func TestImportsGoToLowerFloorsOnly(t *testing.T) {
	for _, s := range sources(t) {
		from := floorOf(s.pkg)
		if from < 0 {
			t.Errorf("%s: package %s has no floor: give it one in this test and in ARCHITECTURE.md", s.path, s.pkg)
			continue
		}
		for _, i := range imports(s) {
			rel, ours := strings.CutPrefix(i, module)
			if !ours || s.test {
				continue // tests may use what stands above, to be close to what users do
			}
			rel = strings.TrimPrefix(rel, "/")
			if rel == "" {
				rel = "."
			}
			if to := floorOf(rel); to >= from {
				t.Errorf("%s: %s (floor %d, %s) imports %s (floor %d, %s)",
					s.path, s.pkg, from, floors[from].name, rel, to, floors[to].name)
			}
		}
	}
}

func TestPurePackagesTouchNothingOutside(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, s.pkg) || s.test {
			continue
		}
		for _, i := range imports(s) {
			if slices.Contains(impure, i) {
				t.Errorf("%s: pure package imports %q", s.path, i)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: pure package starts a goroutine", s.set.Position(g.Pos()))
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" || strings.HasPrefix(s.pkg, "internal") {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s has no doc comment", s.set.Position(d.Pos()), name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d.Recv.List[0].Type)) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch sp := spec.(type) {
			case *ast.TypeSpec:
				if sp.Name.IsExported() && d.Doc == nil && sp.Doc == nil {
					names = append(names, sp.Name.Name)
				}
			case *ast.ValueSpec:
				if sp.Names[0].IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
					names = append(names, sp.Names[0].Name)
				}
			}
		}
		return names
	}
	return nil
}

func exportedReceiver(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return exportedReceiver(e.X)
	case *ast.IndexExpr:
		return exportedReceiver(e.X)
	case *ast.IndexListExpr:
		return exportedReceiver(e.X)
	case *ast.Ident:
		return e.IsExported()
	}
	return false
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		for _, pos := range uses(s, "time", "Sleep") {
			if s.test {
				t.Errorf("%s: a test that waits by the clock is slow or flaky", pos)
			}
		}
	}
}

func TestBubblesBeginInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		for _, pos := range uses(s, "synctest", "Test") {
			if s.pkg != "internal/bubble" {
				t.Errorf("%s: bubble.Test does what the race detector needs", pos)
			}
		}
	}
}

// uses returns where a name of a package is used.
func uses(s source, pkg, name string) (all []token.Position) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == pkg && sel.Sel.Name == name {
			all = append(all, s.set.Position(n.Pos()))
		}
		return true
	})
	return all
}

// ARCHITECTURE.md has one paragraph for each package and one line for each dependency.
func TestArchitectureNamesEveryPackageAndDependency(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test && s.pkg != "." && !strings.HasPrefix(s.pkg, "examples") {
			names["`"+s.pkg+"`"] = true
		}
	}
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.Contains(fields[0], "/") && strings.HasPrefix(fields[1], "v") {
			names["`"+fields[0]+"`"] = true
		}
	}
	for name := range names {
		if !strings.Contains(string(text), name) {
			t.Errorf("ARCHITECTURE.md does not mention %s", name)
		}
	}
}

package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"graphpatch/internal/source"
)

func ExampleCSV() {
	const text = "deviceConfigurationId;Kennung;status\nc1;s1;compliant\nc1;s2;error\n"
	csv, err := source.NewCSV(source.CSVConfig{
		Name:   "users.csv",
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Tenant: uuid.MustParse("11111111-2222-3333-4444-555555555555"),
		Map:    map[string]string{"Kennung": "userStatusId"},
		Set:    map[string]string{"devicesCount": "1"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	sum, err := csv.Check(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d rows, %s, separated by %q\n", sum.Rows, sum.Encoding, sum.Delimiter)
	for row, err := range csv.Rows(ctx, sum) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(row.Line, row.Update.Target.StatusID, row.Update.Wanted.Asks())
	}
	// Output:
	// 2 rows, UTF-8, separated by ';'
	// 2 s1 devicesCount, status
	// 3 s2 devicesCount, status
}

func ExampleFaults_Print() {
	const text = "deviceConfigurationId,id,status,devicesCount\nc1,s1,Compliant,1\nc1,,error,1.0\n"
	csv, _ := source.NewCSV(source.CSVConfig{
		Name:   "users.csv",
		Open:   func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Tenant: uuid.MustParse("11111111-2222-3333-4444-555555555555"),
	})
	_, err := csv.Check(context.Background())
	var faults *source.Faults
	if errors.As(err, &faults) {
		_ = faults.Print(os.Stdout)
	}
	// Output:
	// users.csv:2: column 3 (status): "Compliant" is no complianceStatus: write compliant
	// users.csv:3: column 2 (id): "" is an empty id: every row needs one; Graph takes an empty id for the whole collection
	// users.csv:3: column 4 (devicesCount): "1.0" is not written as a plain whole number: write 1
}

func ExampleSkippedWriter() {
	const text = "deviceConfigurationId,id,status\nc1,s1,compliant\nc1,s2,Error\n"
	var skipped *source.SkippedWriter
	csv, _ := source.NewCSV(source.CSVConfig{
		Name:        "users.csv",
		Open:        func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Tenant:      uuid.MustParse("11111111-2222-3333-4444-555555555555"),
		SkipInvalid: true,
		OnSkip:      func(b source.BadRow) error { return skipped.Write(b) },
	})
	ctx := context.Background()
	sum, err := csv.Check(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	skipped = source.NewSkippedWriter(os.Stdout, sum)
	for _, err := range csv.Rows(ctx, sum) {
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	_ = skipped.Flush()
	// Output:
	// deviceConfigurationId,id,status,line,fault
	// c1,s2,Error,3,"column 3 (status): ""Error"" is no complianceStatus: write error"
}

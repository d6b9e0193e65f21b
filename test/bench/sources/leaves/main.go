// Rows a second of XGBoost's model in Go. Arguments: a model in XGBoost's binary format, a file of rows, four numbers
// each, and seconds. Leaves adds up the trees; the softmax is here.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/dmitryikh/leaves"
)

const columns = 4

// readRows returns the rows in a file of numbers.
func readRows(name string) ([][]float64, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader := bufio.NewReader(file)
	var rows [][]float64
	for {
		row := make([]float64, columns)
		for column := range row {
			if _, err := fmt.Fscan(reader, &row[column]); err == io.EOF {
				return rows, nil
			} else if err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
}

// softmax makes probabilities of sums.
func softmax(sums []float64) {
	total := 0.0
	for index, sum := range sums {
		sums[index] = math.Exp(sum)
		total += sums[index]
	}
	for index := range sums {
		sums[index] /= total
	}
}

func main() {
	model, err := leaves.XGEnsembleFromFile(os.Args[1], false)
	if err != nil {
		log.Fatal(err)
	}
	rows, err := readRows(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(os.Args[3], 64)
	if err != nil {
		log.Fatal(err)
	}
	shares := make([]float64, model.NOutputGroups())
	predict := func(row []float64) {
		if err := model.Predict(row, 0, shares); err != nil {
			log.Fatal(err)
		}
		softmax(shares)
	}
	begin, predicted := time.Now(), 0
	for time.Since(begin).Seconds() < seconds {
		for _, row := range rows {
			predict(row)
		}
		predicted += len(rows)
	}
	rate := float64(predicted) / time.Since(begin).Seconds()
	predict(rows[0])
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"rate": rate, "answer": shares}); err != nil {
		log.Fatal(err)
	}
}
